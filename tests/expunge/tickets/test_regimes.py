"""Every law is a file with its grounds, clocks, refusals and its own words."""

from __future__ import annotations

import pytest

from expunge.common.errors import InvalidInputError
from expunge.tickets.law import Regime
from expunge.tickets.regimes import regime_named, regimes

EVERY = pytest.mark.parametrize("regime", regimes().values(), ids=regimes())


def words(regime: Regime) -> str:
    labels = [ground.label for ground in regime.grounds] + [item.label for item in regime.refusals]
    return " ".join([regime.title, regime.claim, regime.explanation, *labels]).lower()


def test_three_laws_are_known() -> None:
    assert set(regimes()) == {"gdpr", "hipaa", "ccpa"}


@EVERY
def test_a_regime_is_named_like_its_file_and_complete(regime: Regime) -> None:
    assert regimes()[regime.name] is regime
    assert regime.grounds and regime.clocks and regime.refusals and regime.remedy
    for named in (*regime.grounds, *regime.refusals):
        assert named.code and named.label and named.citation
        assert len(named.code) <= 40
    assert "compliant" not in words(regime) and "anonymous" not in words(regime)


@EVERY
def test_codes_stand_once_and_every_ground_has_a_clock(regime: Regime) -> None:
    for named in (regime.grounds, regime.refusals):
        codes = [item.code for item in named]
        assert len(codes) == len(set(codes))
    rules = {rule.id for rule in regime.clocks}
    for ground in regime.grounds:
        assert not ground.clock or ground.clock in rules
        assert regime.clock(ground.code) in regime.clocks


def test_hipaa_is_never_called_a_right_to_erasure() -> None:
    hipaa = regime_named("hipaa")
    assert "right to" not in hipaa.claim.lower()
    assert "erasure" not in words(hipaa)
    assert "no general right" in hipaa.explanation


def test_the_six_grounds_and_five_exemptions_of_article_17_are_there() -> None:
    gdpr = regime_named("gdpr")
    assert [item.citation for item in gdpr.grounds] == [
        f"GDPR Art. 17(1)({letter})" for letter in "abcdef"
    ]
    exemptions = {item.citation for item in gdpr.refusals if "17(3)" in item.citation}
    assert exemptions == {f"GDPR Art. 17(3)({letter})" for letter in "abcde"}


def test_proof_is_kept_as_long_as_the_law_says() -> None:
    assert regime_named("ccpa").retention_months == 24
    assert regime_named("hipaa").retention_months == 6 * 12


def test_an_unknown_law_or_ground_is_refused_with_what_there_is() -> None:
    with pytest.raises(InvalidInputError, match="ccpa, gdpr, hipaa") as error:
        regime_named("lgpd")
    assert error.value.code == "regime_unknown"
    with pytest.raises(InvalidInputError, match="consent_withdrawn") as error:
        regime_named("gdpr").ground("because")
    assert error.value.code == "ground_unknown"
