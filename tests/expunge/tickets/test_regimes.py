"""Every law is a file with its grounds, clocks, refusals and its own words."""

from __future__ import annotations

import pytest

from expunge.common.errors import InvalidInputError
from expunge.tickets.law import Notice, Regime
from expunge.tickets.regimes import regime_named, regimes

EVERY = pytest.mark.parametrize("regime", regimes().values(), ids=regimes())


def words(regime: Regime) -> str:
    named = (*regime.grounds, *regime.exemptions, *regime.refusals)
    labels = [str(item.label) for item in named]
    return " ".join(
        [str(regime.title), str(regime.claim), str(regime.explanation), *labels]
    ).lower()


def test_three_laws_are_known() -> None:
    assert set(regimes()) == {"gdpr", "hipaa", "ccpa"}


@EVERY
def test_a_regime_is_named_like_its_file_and_complete(regime: Regime) -> None:
    assert regimes()[regime.name] is regime
    assert regime.grounds and regime.clocks and regime.refusals and regime.remedy
    assert regime.exemptions and regime.retention.months
    for named in (*regime.grounds, *regime.exemptions, *regime.refusals):
        assert named.code and named.label and named.citation
        assert len(named.code) <= 40
    assert "compliant" not in words(regime) and "anonymous" not in words(regime)


@EVERY
def test_codes_stand_once_and_every_ground_has_a_clock(regime: Regime) -> None:
    for named in (regime.grounds, regime.exemptions, regime.refusals):
        codes = [item.code for item in named]
        assert len(codes) == len(set(codes))
    rules = {rule.id for rule in regime.clocks}
    for ground in regime.grounds:
        assert not ground.clock or ground.clock in rules
        assert regime.clock(ground.code) in regime.clocks


def test_hipaa_is_never_called_a_right_to_erasure() -> None:
    hipaa = regime_named("hipaa")
    assert "right to" not in str(hipaa.claim).lower()
    assert "erasure" not in words(hipaa)
    assert "no general right" in str(hipaa.explanation)


def test_the_six_grounds_and_five_exemptions_of_article_17_are_there() -> None:
    gdpr = regime_named("gdpr")
    assert [item.citation for item in gdpr.grounds] == [
        f"GDPR Art. 17(1)({letter})" for letter in "abcdef"
    ]
    citations = [f"GDPR Art. 17(3)({letter})" for letter in "abcde"]
    assert [item.citation for item in gdpr.exemptions] == citations
    assert {item.citation for item in gdpr.refusals if "17(3)" in item.citation} == set(citations)


def test_the_eight_exemptions_of_california_are_there() -> None:
    ccpa = regime_named("ccpa")
    assert [item.citation for item in ccpa.exemptions] == [
        f"1798.105(d)({number})" for number in range(1, 9)
    ]


@EVERY
def test_every_message_to_the_person_is_named_once(regime: Regime) -> None:
    assert [duty.kind for duty in regime.notices] == list(Notice)


def test_the_clock_stands_still_under_the_gdpr_alone() -> None:
    pausing = {
        regime.name for regime in regimes().values() for rule in regime.clocks if rule.pauses
    }
    assert pausing == {"gdpr"}


def test_proof_is_kept_as_long_as_the_law_says() -> None:
    retention = {name: regime.retention for name, regime in regimes().items()}
    assert retention["ccpa"].months == 24 and retention["hipaa"].months == 6 * 12
    assert [name for name, rule in retention.items() if rule.configurable] == ["gdpr"]


def test_an_unknown_law_or_ground_is_refused_with_what_there_is() -> None:
    with pytest.raises(InvalidInputError, match="ccpa, gdpr, hipaa") as error:
        regime_named("lgpd")
    assert error.value.code == "regime_unknown"
    with pytest.raises(InvalidInputError, match="consent_withdrawn") as error:
        regime_named("gdpr").ground("because")
    assert error.value.code == "ground_unknown"
