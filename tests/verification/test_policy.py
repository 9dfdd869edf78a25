"""The policy gives no pass to a model that deserves none, whatever is left out."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.canonical import digest_json
from contract.catalog import Effect
from contract.report import CheckResult, Estimate, Gate, Preregistration, Tier, Verdict
from verification.policy import Decision, Evidence, decide, only_underpowered, outlook
from verification.profiles import (
    EXACT_GATES,
    GATES,
    PROFILES,
    RELEARNING_ATTACKS,
    Requirement,
    find_profile,
)

Results = dict[tuple[str, str | None], CheckResult]


def _gates(**verdicts: Verdict) -> tuple[Gate, ...]:
    return tuple(
        Gate(name, name.title(), verdicts.get(name, Verdict.PASS), f"reason of {name}")
        for name in dict.fromkeys((*GATES, *EXACT_GATES))
    )


def _without(*names: str) -> tuple[Gate, ...]:
    return tuple(gate for gate in _gates() if gate.name not in names)


def _result(
    check: str, verdict: Verdict, attack: str | None = None, p_leak: float | None = None
) -> CheckResult:
    return CheckResult(
        check=check,
        title=check.replace("_", " ").title(),
        verdict=verdict,
        reading="what it means",
        reasons=() if verdict is Verdict.PASS else (f"{check} says {verdict}",),
        attack=attack,
        estimates=(Estimate("statistic", 0.5, p_leak=p_leak),),
    )


def _clean() -> Results:
    plain = ("membership", "residual", "extraction", "utility", "concept_vectors")
    results = [_result(name, Verdict.PASS, p_leak=0.4) for name in plain]
    results += [_result("relearning", Verdict.PASS, name, 0.3) for name in RELEARNING_ATTACKS]
    answered = {(item.check, item.attack) for item in results}
    demanded = (item for profile in PROFILES.values() for item in profile.requirements)
    left = dict.fromkeys((item.check, item.attack) for item in demanded)
    results += [
        _result(check, Verdict.PASS, attack)
        for check, attack in left
        if (check, attack) not in answered
    ]
    return {(item.check, item.attack): item for item in results}


def _decide(  # noqa: PLR0913, PLR0917 - every part of a verification
    results: Results,
    gates: tuple[Gate, ...] | None = None,
    profile: str = "erasure",
    effect: Effect | None = Effect.REMOVAL,
    records: int = 24,
    earlier: int = 0,
) -> Decision:
    return decide(
        PROFILES[profile].at_attempt(earlier),
        Evidence(
            gates=_gates() if gates is None else gates,
            checks=tuple(results.values()),
            effect=effect,
            records=records,
            twins=288,
            twin_subjects=12,
            earlier_attempts=earlier,
        ),
    )


def _with(*changed: CheckResult) -> Results:
    return {**_clean(), **{(item.check, item.attack): item for item in changed}}


def _relearned(verdict: Verdict, p_leak: float) -> list[CheckResult]:
    return [_result("relearning", verdict, name, p_leak) for name in RELEARNING_ATTACKS]


IMPOSTORS = {
    "deleted nothing": _with(
        _result("membership", Verdict.INCONCLUSIVE, p_leak=1e-9),
        _result("residual", Verdict.FAIL),
        _result("extraction", Verdict.FAIL),
        _result("concept_vectors", Verdict.FAIL),
        *_relearned(Verdict.FAIL, 1e-9),
    ),
    "merely refuses, likelihoods betray it": _with(
        _result("membership", Verdict.INCONCLUSIVE, p_leak=1e-6)
    ),
    "destroyed, no longer like never-trained": _with(
        _result("membership", Verdict.FAIL, p_leak=1.0), _result("utility", Verdict.FAIL)
    ),
    "destroyed, only utility shows it": _with(_result("utility", Verdict.FAIL)),
    "answers with not-a-number": _with(_result("membership", Verdict.INVALID)),
}
ONLY_TAMPERING_SHOWS = {
    "merely refuses": _with(*_relearned(Verdict.FAIL, 1e-4)),
    "one attack of four is not settled": _with(
        _result("relearning", Verdict.INCONCLUSIVE, RELEARNING_ATTACKS[3], 0.2)
    ),
}


@pytest.mark.parametrize("effect", [None, *Effect])
@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("impostor", IMPOSTORS)
def test_an_impostor_never_passes(impostor: str, profile: str, effect: Effect | None) -> None:
    decision = _decide(IMPOSTORS[impostor], profile=profile, effect=effect)
    assert decision.verdict is not Verdict.PASS
    assert decision.tier is None


@pytest.mark.parametrize("effect", [None, *Effect])
@pytest.mark.parametrize("profile", [name for name in PROFILES if name != "behavioural"])
@pytest.mark.parametrize("impostor", ONLY_TAMPERING_SHOWS)
def test_what_only_tampering_shows_never_passes_as_erased(
    impostor: str, profile: str, effect: Effect | None
) -> None:
    decision = _decide(ONLY_TAMPERING_SHOWS[impostor], profile=profile, effect=effect)
    assert decision.verdict is not Verdict.PASS


def test_a_clean_model_passes_each_profile_it_may() -> None:
    assert _decide(_clean(), profile="behavioural").tier is Tier.BEHAVIOURAL
    assert _decide(_clean()).tier is Tier.ERASURE
    assert _decide(_clean(), effect=Effect.EXACT).tier is Tier.EXACT
    assert _decide(_clean(), profile="exact", effect=Effect.EXACT).tier is Tier.EXACT
    assert _decide(_clean(), profile="gdpr").tier is Tier.ERASURE
    assert _decide(_clean(), profile="hipaa").tier is Tier.ERASURE
    assert _decide(_clean(), profile="exact").verdict is Verdict.INCONCLUSIVE
    assert _decide(_clean()).mechanism == "removed"
    assert _decide(_clean(), profile="behavioural").mechanism == "unknown"


@pytest.mark.parametrize("effect", [Effect.WEIGHT_SUPPRESSION, Effect.SERVE_SUPPRESSION])
def test_suppression_is_never_called_erasure(effect: Effect) -> None:
    decision = _decide(_clean(), effect=effect)
    assert decision.verdict is Verdict.INCONCLUSIVE
    assert decision.tier is None
    assert decision.mechanism == "suppressed"
    assert _decide(_clean(), effect=effect, profile="behavioural").tier is Tier.BEHAVIOURAL


@given(st.sets(st.sampled_from(sorted(_clean(), key=str)), min_size=1))
def test_a_missing_mandatory_check_is_never_a_pass(missing: set[tuple[str, str | None]]) -> None:
    left = {key: item for key, item in _clean().items() if key not in missing}
    decision = _decide(left, profile="gdpr")
    assert decision.verdict is Verdict.INCONCLUSIVE
    assert any("was not run" in reason for reason in decision.reasons)


@given(st.sets(st.sampled_from(GATES), min_size=1))
def test_a_missing_gate_is_never_a_pass(missing: set[str]) -> None:
    assert _decide(_clean(), _without(*missing)).verdict is Verdict.INCONCLUSIVE


@given(
    st.fixed_dictionaries({key: st.sampled_from(Verdict) for key in sorted(_clean(), key=str)}),
    st.fixed_dictionaries({name: st.sampled_from(Verdict) for name in GATES}),
)
def test_a_pass_needs_every_gate_and_every_check(
    verdicts: dict[tuple[str, str | None], Verdict], gates: dict[str, Verdict]
) -> None:
    results = {key: replace(item, verdict=verdicts[key]) for key, item in _clean().items()}
    decision = _decide(results, _gates(**gates))
    if decision.verdict is Verdict.PASS:
        assert set(gates.values()) == {Verdict.PASS}
        demanded = {key: PROFILES["erasure"].requirement(*key) for key in verdicts}
        assert all(
            verdicts[key] is Verdict.PASS
            or (item.may_not_apply and verdicts[key] is Verdict.NOT_APPLICABLE)
            for key, item in demanded.items()
            if item
        )
    else:
        assert decision.tier is None
        assert decision.reasons and decision.remedies


@pytest.mark.parametrize(
    ("gate", "found", "expected"),
    [
        ("digests", Verdict.FAIL, Verdict.INVALID),
        ("preregistration", Verdict.FAIL, Verdict.INVALID),
        ("preregistration", Verdict.NOT_APPLICABLE, Verdict.INCONCLUSIVE),
        ("blind_baseline", Verdict.FAIL, Verdict.INCONCLUSIVE),
        ("positive_control", Verdict.INCONCLUSIVE, Verdict.INCONCLUSIVE),
        ("positive_control", Verdict.NOT_APPLICABLE, Verdict.NOT_APPLICABLE),
        ("power", Verdict.INCONCLUSIVE, Verdict.INCONCLUSIVE),
        ("lineage", Verdict.FAIL, Verdict.FAIL),
    ],
)
def test_a_gate_that_is_not_passed_decides(gate: str, found: Verdict, expected: Verdict) -> None:
    assert _decide(_clean(), _gates(**{gate: found})).verdict is expected


def test_nothing_to_remove_is_said_in_so_many_words() -> None:
    decision = _decide(_clean(), _gates(positive_control=Verdict.NOT_APPLICABLE))
    assert decision.summary.startswith("NO DETECTABLE INFLUENCE BEFORE")


def test_bad_twins_outweigh_an_original_that_seems_innocent() -> None:
    gates = _gates(blind_baseline=Verdict.FAIL, positive_control=Verdict.NOT_APPLICABLE)
    assert _decide(_clean(), gates).verdict is Verdict.INCONCLUSIVE


def test_too_few_records_cannot_pass_but_a_leak_they_show_still_fails() -> None:
    gates = _gates(power=Verdict.INCONCLUSIVE)
    assert _decide(_clean(), gates).verdict is Verdict.INCONCLUSIVE
    leaking = _with(_result("extraction", Verdict.FAIL))
    assert _decide(leaking, gates, records=3).verdict is Verdict.FAIL


def test_a_small_p_value_among_many_questions_is_not_yet_a_leak() -> None:
    lucky = _decide(_with(_result("membership", Verdict.PASS, p_leak=0.03)))
    assert lucky.verdict is Verdict.PASS
    found = _decide(_with(_result("membership", Verdict.PASS, p_leak=0.001)))
    assert found.verdict is Verdict.FAIL
    membership = next(item for item in found.checks if item.check == "membership")
    assert membership.verdict is Verdict.FAIL
    assert "after correction for 9 tests" in membership.reasons[-1]


def test_a_check_outside_the_profile_never_decides() -> None:
    extra = _with(_result("patching", Verdict.FAIL, p_leak=1e-12))
    decision = _decide(extra)
    assert decision.verdict is Verdict.PASS
    assert not next(item for item in decision.checks if item.check == "patching").mandatory


def test_knowledge_that_comes_back_was_suppressed() -> None:
    decision = _decide(_with(*_relearned(Verdict.FAIL, 1e-4)))
    assert decision.verdict is Verdict.FAIL
    assert decision.mechanism == "suppressed"


def test_a_model_that_only_lost_its_utility_is_called_damaged() -> None:
    decision = _decide(IMPOSTORS["destroyed, only utility shows it"])
    assert decision.verdict is Verdict.FAIL
    assert "damaged" in decision.summary


def test_the_margins_and_what_was_not_tested_are_printed() -> None:
    few = " ".join(_decide(_clean(), records=12).limits)
    many = " ".join(_decide(_clean(), records=24).limits)
    none = " ".join(_decide(_clean(), records=5).limits)
    assert "within 0.3 " in few and "weak evidence" in few
    assert "within 0.25 " in many and "weak evidence" not in many
    assert "too few for any margin" in none
    assert "search indexes" in many and "at most 0.05 of cases" in many
    assert "quantised copy of it was not tested" not in many
    plain = {key: item for key, item in _clean().items() if key[1] is None}
    untampered = " ".join(_decide(plain, profile="behavioural").limits)
    assert "trained further" in untampered and "quantised copy" in untampered


@pytest.mark.parametrize(
    ("records", "margin"),
    [(9, 0.30), (14, 0.30), (15, 0.25), (39, 0.25), (40, 0.20), (80, 0.15), (200, 0.10)],
)
def test_margins_narrow_as_records_grow(records: int, margin: float) -> None:
    margins = PROFILES["erasure"].margins_for(records)
    assert margins is not None
    assert margins.equivalence == margin


def test_nothing_extracted_can_meet_the_extraction_margin_at_every_size() -> None:
    for profile in PROFILES.values():
        for margins in profile.margins:
            upper = 1 - 0.05 ** (1 / margins.records)
            assert upper <= margins.extraction


def test_a_profile_is_data_that_can_be_preregistered() -> None:
    plans = [profile.as_plan() for profile in PROFILES.values()]
    digests = {Preregistration(plan={"profile": plan}).digest for plan in plans}
    assert len(digests) == len(PROFILES)
    assert digest_json(plans[0]) == digest_json(PROFILES["behavioural"].as_plan())


def test_a_misspelt_profile_is_named() -> None:
    assert find_profile("erasure").grants is Tier.ERASURE
    with pytest.raises(KeyError, match="did you mean erasure"):
        find_profile("erazure")
    with pytest.raises(KeyError, match="did you mean hipaa"):
        find_profile("HIPPA")
    with pytest.raises(KeyError, match="there are behavioural"):
        find_profile("qwertz")


def _open(value: float, low: float, high: float, null: float = 0.0) -> CheckResult:
    """Return a residual that its interval leaves open, against a margin of 0.3."""
    own = Estimate("residual fraction", value, low, high, 0.3, null=null)
    return replace(_result("residual", Verdict.INCONCLUSIVE), estimates=(own,))


def test_an_honest_exact_route_does_not_sink_for_want_of_records_alone() -> None:
    vague = _with(_open(0.1, -0.3, 0.5))
    decision = _decide(vague, profile="exact", effect=Effect.EXACT)
    assert decision.tier is Tier.EXACT
    assert "not held against the model" in " ".join(decision.limits)
    few = _decide(vague, _gates(power=Verdict.INCONCLUSIVE), "exact", Effect.EXACT, records=5)
    assert few.tier is Tier.EXACT


@pytest.mark.parametrize(
    "found",
    [
        _open(0.35, -0.1, 0.8),
        _open(0.2, 0.05, 0.35),
        _open(-0.4, -0.9, 0.1),
        replace(_open(0.1, -0.3, 0.5), estimates=()),
        replace(_open(0.1, -0.3, 0.5), verdict=Verdict.FAIL),
        _open(0.55, 0.3, 0.8),
    ],
    ids=["beyond the margin", "not a stranger", "stranger still", "no estimate", "fail", "unclear"],
)
def test_what_speaks_against_an_exact_route_is_never_want_of_power(found: CheckResult) -> None:
    assert not only_underpowered(found)
    decision = _decide(_with(found), profile="exact", effect=Effect.EXACT)
    assert decision.verdict is not Verdict.PASS


@pytest.mark.parametrize("profile", ["behavioural", "erasure", "gdpr", "hipaa"])
def test_only_a_verified_lineage_excuses_want_of_power(profile: str) -> None:
    vague = _with(_open(0.1, -0.3, 0.5))
    assert _decide(vague, profile=profile, effect=Effect.EXACT).verdict is Verdict.INCONCLUSIVE
    unlisted = _decide(vague, _without("lineage"), "exact", Effect.EXACT)
    assert unlisted.verdict is Verdict.INCONCLUSIVE
    claimed = _decide(_clean(), _without("lineage"), effect=Effect.EXACT)
    assert claimed.tier is Tier.ERASURE, "without the lineage the tests show no more than erasure"


def test_an_exact_route_that_deleted_nothing_never_passes_whatever_it_lists() -> None:
    for impostor in IMPOSTORS.values():
        decision = _decide(impostor, profile="exact", effect=Effect.EXACT, records=5)
        assert decision.verdict is not Verdict.PASS


def test_a_sham_that_stands_out_bars_a_pass_and_hides_no_leak() -> None:
    flagged = (*_gates(), Gate("sham", "Sham", Verdict.FAIL, "it stood out"))
    assert _decide(_clean(), flagged).verdict is Verdict.INCONCLUSIVE
    assert _decide(_with(_result("extraction", Verdict.FAIL)), flagged).verdict is Verdict.FAIL
    quiet = (*_gates(), Gate("sham", "Sham", Verdict.PASS, "like the others"))
    assert _decide(_clean(), quiet).verdict is Verdict.PASS
    assert "control" in " ".join(_decide(_clean()).limits)
    assert "as a control" not in " ".join(_decide(_clean(), quiet).limits)


def test_each_further_candidate_has_to_be_shown_at_a_stricter_level() -> None:
    levels = [PROFILES["erasure"].at_attempt(earlier).alpha for earlier in range(4)]
    assert levels == pytest.approx([0.05, 0.025, 0.05 / 3, 0.0125])
    assert {PROFILES["erasure"].at_attempt(earlier).leak_alpha for earlier in range(4)} == {0.05}
    printed = " ".join(_decide(_clean(), earlier=2).limits)
    assert "candidate 3" in printed and "at level 0.017" in printed
    assert f"at most {0.05 * (1 + 1 / 2 + 1 / 3):.2g} of cases" in printed


def test_a_leak_is_found_at_the_same_level_however_many_candidates_came_before() -> None:
    faint = _with(_result("membership", Verdict.PASS, p_leak=0.004))
    assert _decide(faint).verdict is _decide(faint, earlier=5).verdict is Verdict.FAIL


def test_diagnostics_are_reported_and_never_decide() -> None:
    profile = replace(PROFILES["erasure"], diagnostics=(Requirement("patching"),))
    extra = _with(_result("patching", Verdict.FAIL, p_leak=1e-12))
    evidence = Evidence(_gates(), tuple(extra.values()), Effect.REMOVAL, 24, 288, 12)
    decision = decide(profile, evidence)
    assert decision.verdict is Verdict.PASS
    assert "patching" in {item.check for item in decision.checks}


def test_what_no_candidate_could_pass_is_known_before_there_is_one() -> None:
    early = tuple(gate for gate in _gates() if gate.name in {"blind_baseline", "power"})
    assert outlook(PROFILES["erasure"], early) == ()
    powerless = (*early[:1], replace(early[1], verdict=Verdict.INCONCLUSIVE))
    assert outlook(PROFILES["erasure"], powerless) == ("Power: reason of power",)
    assert outlook(PROFILES["exact"], powerless) == (), "there the lineage carries the claim"


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("impostor", IMPOSTORS)
def test_whatever_is_not_passed_says_what_would_resolve_it(impostor: str, profile: str) -> None:
    decision = _decide(IMPOSTORS[impostor], profile=profile)
    assert decision.remedies and all(text.endswith(".") for text in decision.remedies)
    assert _decide(_clean(), profile="erasure").remedies == ()
