"""The policy gives no pass to a model that deserves none, whatever is left out."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.canonical import digest_json
from contract.catalog import Effect
from contract.report import Gate, Preregistration, Tier, Verdict
from tests.verification.decisions import (
    IMPOSTORS,
    ONLY_TAMPERING_SHOWS,
    a_result,
    clean_results,
    decided,
    gates_with,
    gates_without,
    relearned,
    results_with,
)
from verification.policy import Evidence, decide, outlook
from verification.profiles import GATES, PROFILES, Requirement, find_profile


@pytest.mark.parametrize("effect", [None, *Effect])
@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("impostor", IMPOSTORS)
def test_an_impostor_never_passes(impostor: str, profile: str, effect: Effect | None) -> None:
    decision = decided(IMPOSTORS[impostor], profile=profile, effect=effect)
    assert decision.verdict is not Verdict.PASS
    assert decision.tier is None


@pytest.mark.parametrize("effect", [None, *Effect])
@pytest.mark.parametrize("profile", [name for name in PROFILES if name != "behavioural"])
@pytest.mark.parametrize("impostor", ONLY_TAMPERING_SHOWS)
def test_what_only_tampering_shows_never_passes_as_erased(
    impostor: str, profile: str, effect: Effect | None
) -> None:
    decision = decided(ONLY_TAMPERING_SHOWS[impostor], profile=profile, effect=effect)
    assert decision.verdict is not Verdict.PASS


def test_a_clean_model_passes_each_profile_it_may() -> None:
    assert decided(clean_results(), profile="behavioural").tier is Tier.BEHAVIOURAL
    assert decided(clean_results()).tier is Tier.ERASURE
    assert decided(clean_results(), effect=Effect.EXACT).tier is Tier.EXACT
    assert decided(clean_results(), profile="exact", effect=Effect.EXACT).tier is Tier.EXACT
    assert decided(clean_results(), profile="gdpr").tier is Tier.ERASURE
    assert decided(clean_results(), profile="hipaa").tier is Tier.ERASURE
    assert decided(clean_results(), profile="exact").verdict is Verdict.INCONCLUSIVE
    assert decided(clean_results()).mechanism == "removed"
    assert decided(clean_results(), profile="behavioural").mechanism == "unknown"


@pytest.mark.parametrize("effect", [Effect.WEIGHT_SUPPRESSION, Effect.SERVE_SUPPRESSION])
def test_suppression_is_never_called_erasure(effect: Effect) -> None:
    decision = decided(clean_results(), effect=effect)
    assert decision.verdict is Verdict.INCONCLUSIVE
    assert decision.tier is None
    assert decision.mechanism == "suppressed"
    assert decided(clean_results(), effect=effect, profile="behavioural").tier is Tier.BEHAVIOURAL


@given(st.sets(st.sampled_from(sorted(clean_results(), key=str)), min_size=1))
def test_a_missing_mandatory_check_is_never_a_pass(missing: set[tuple[str, str | None]]) -> None:
    left = {key: item for key, item in clean_results().items() if key not in missing}
    decision = decided(left, profile="gdpr")
    assert decision.verdict is Verdict.INCONCLUSIVE
    assert any("was not run" in reason for reason in decision.reasons)


@given(st.sets(st.sampled_from(GATES), min_size=1))
def test_a_missing_gate_is_never_a_pass(missing: set[str]) -> None:
    assert decided(clean_results(), gates_without(*missing)).verdict is Verdict.INCONCLUSIVE


@given(
    st.fixed_dictionaries(
        {key: st.sampled_from(Verdict) for key in sorted(clean_results(), key=str)}
    ),
    st.fixed_dictionaries({name: st.sampled_from(Verdict) for name in GATES}),
)
def test_a_pass_needs_every_gate_and_every_check(
    verdicts: dict[tuple[str, str | None], Verdict], gates: dict[str, Verdict]
) -> None:
    results = {key: replace(item, verdict=verdicts[key]) for key, item in clean_results().items()}
    decision = decided(results, gates_with(**gates))
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
    assert decided(clean_results(), gates_with(**{gate: found})).verdict is expected


def test_nothing_to_remove_is_said_in_so_many_words() -> None:
    decision = decided(clean_results(), gates_with(positive_control=Verdict.NOT_APPLICABLE))
    assert decision.summary.startswith("NO DETECTABLE INFLUENCE BEFORE")


def test_bad_twins_outweigh_an_original_that_seems_innocent() -> None:
    gates = gates_with(blind_baseline=Verdict.FAIL, positive_control=Verdict.NOT_APPLICABLE)
    assert decided(clean_results(), gates).verdict is Verdict.INCONCLUSIVE


def test_too_few_records_cannot_pass_but_a_leak_they_show_still_fails() -> None:
    gates = gates_with(power=Verdict.INCONCLUSIVE)
    assert decided(clean_results(), gates).verdict is Verdict.INCONCLUSIVE
    leaking = results_with(a_result("extraction", Verdict.FAIL))
    assert decided(leaking, gates, records=3).verdict is Verdict.FAIL


def test_a_small_p_value_among_many_questions_is_not_yet_a_leak() -> None:
    lucky = decided(results_with(a_result("membership", Verdict.PASS, p_leak=0.03)))
    assert lucky.verdict is Verdict.PASS
    found = decided(results_with(a_result("membership", Verdict.PASS, p_leak=0.001)))
    assert found.verdict is Verdict.FAIL
    membership = next(item for item in found.checks if item.check == "membership")
    assert membership.verdict is Verdict.FAIL
    assert "after correction for 9 tests" in membership.reasons[-1]


@given(
    p_values=st.dictionaries(
        st.sampled_from(sorted(clean_results(), key=str)), st.floats(0, 0.1), max_size=12
    )
)
def test_who_asks_more_never_passes_what_a_lesser_profile_refuses(
    p_values: dict[tuple[str, str | None], float],
) -> None:
    leaking = [
        a_result(check, Verdict.PASS, attack, p_value)
        for (check, attack), p_value in p_values.items()
    ]
    passed = {
        name: decided(results_with(*leaking), gates_with(), name, Effect.EXACT).verdict
        is Verdict.PASS
        for name in PROFILES
    }
    assert passed["behavioural"] or not passed["erasure"]
    assert passed["erasure"] or not (passed["gdpr"] or passed["hipaa"] or passed["exact"])


def test_a_finding_among_few_questions_is_not_lost_among_many() -> None:
    faint = results_with(a_result("membership", Verdict.PASS, p_leak=0.008))
    refused = decided(faint)
    assert refused.verdict is Verdict.FAIL
    membership = next(item for item in refused.checks if item.check == "membership")
    assert "p = 0.032 after correction for 4 tests" in membership.reasons[-1]


def test_a_check_outside_the_profile_never_decides() -> None:
    extra = results_with(a_result("patching", Verdict.FAIL, p_leak=1e-12))
    decision = decided(extra)
    assert decision.verdict is Verdict.PASS
    assert not next(item for item in decision.checks if item.check == "patching").mandatory


def test_knowledge_that_comes_back_was_suppressed() -> None:
    decision = decided(results_with(*relearned(Verdict.FAIL, 1e-4)))
    assert decision.verdict is Verdict.FAIL
    assert decision.mechanism == "suppressed"


def test_a_model_that_only_lost_its_utility_is_called_damaged() -> None:
    decision = decided(IMPOSTORS["destroyed, only utility shows it"])
    assert decision.verdict is Verdict.FAIL
    assert "damaged" in decision.summary


def test_the_margins_and_what_was_not_tested_are_printed() -> None:
    few = " ".join(decided(clean_results(), records=12).limits)
    many = " ".join(decided(clean_results(), records=24).limits)
    none = " ".join(decided(clean_results(), records=5).limits)
    assert "within 0.3 " in few and "weak evidence" in few
    assert "within 0.25 " in many and "weak evidence" not in many
    assert "too few for any margin" in none
    assert "search indexes" in many and "at most 0.05 of cases" in many
    assert "quantised copy of it was not tested" not in many
    plain = {key: item for key, item in clean_results().items() if key[1] is None}
    untampered = " ".join(decided(plain, profile="behavioural").limits)
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


def test_a_sham_that_stands_out_bars_a_pass_and_hides_no_leak() -> None:
    flagged = (*gates_with(), Gate("sham", "Sham", Verdict.FAIL, "it stood out"))
    assert decided(clean_results(), flagged).verdict is Verdict.INCONCLUSIVE
    assert (
        decided(results_with(a_result("extraction", Verdict.FAIL)), flagged).verdict is Verdict.FAIL
    )
    quiet = (*gates_with(), Gate("sham", "Sham", Verdict.PASS, "like the others"))
    assert decided(clean_results(), quiet).verdict is Verdict.PASS
    assert "control" in " ".join(decided(clean_results()).limits)
    assert "as a control" not in " ".join(decided(clean_results(), quiet).limits)


def test_each_further_candidate_has_to_be_shown_at_a_stricter_level() -> None:
    levels = [PROFILES["erasure"].at_attempt(earlier).alpha for earlier in range(4)]
    assert levels == pytest.approx([0.05, 0.025, 0.05 / 3, 0.0125])
    assert {PROFILES["erasure"].at_attempt(earlier).leak_alpha for earlier in range(4)} == {0.05}
    printed = " ".join(decided(clean_results(), earlier=2).limits)
    assert "candidate 3" in printed and "at level 0.017" in printed
    assert f"at most {0.05 * (1 + 1 / 2 + 1 / 3):.2g} of cases" in printed


def test_a_leak_is_found_at_the_same_level_however_many_candidates_came_before() -> None:
    faint = results_with(a_result("membership", Verdict.PASS, p_leak=0.004))
    assert decided(faint).verdict is decided(faint, earlier=5).verdict is Verdict.FAIL


def test_diagnostics_are_reported_and_never_decide() -> None:
    profile = replace(PROFILES["erasure"], diagnostics=(Requirement("patching"),))
    extra = results_with(a_result("patching", Verdict.FAIL, p_leak=1e-12))
    evidence = Evidence(gates_with(), tuple(extra.values()), Effect.REMOVAL, 24, 288, 12)
    decision = decide(profile, evidence)
    assert decision.verdict is Verdict.PASS
    assert "patching" in {item.check for item in decision.checks}


def test_what_no_candidate_could_pass_is_known_before_there_is_one() -> None:
    early = tuple(gate for gate in gates_with() if gate.name in {"blind_baseline", "power"})
    assert outlook(PROFILES["erasure"], early) == ()
    powerless = (*early[:1], replace(early[1], verdict=Verdict.INCONCLUSIVE))
    assert outlook(PROFILES["erasure"], powerless) == ("Power: reason of power",)
    assert outlook(PROFILES["exact"], powerless) == (), "there the lineage carries the claim"


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("impostor", IMPOSTORS)
def test_whatever_is_not_passed_says_what_would_resolve_it(impostor: str, profile: str) -> None:
    decision = decided(IMPOSTORS[impostor], profile=profile)
    assert decision.remedies and all(text.endswith(".") for text in decision.remedies)
    assert decided(clean_results(), profile="erasure").remedies == ()
