"""What a verified lineage excuses, and what it does not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contract.catalog import Effect
from contract.report import CheckResult, Tier, Verdict
from tests.verification.decisions import (
    IMPOSTORS,
    clean_results,
    decided,
    gates_with,
    gates_without,
    left_open,
    results_with,
)
from verification.policy import only_underpowered


def test_an_honest_exact_route_does_not_sink_for_want_of_records_alone() -> None:
    vague = results_with(left_open(0.1, -0.3, 0.5))
    decision = decided(vague, profile="exact", effect=Effect.EXACT)
    assert decision.tier is Tier.EXACT
    assert "not held against the model" in " ".join(decision.limits)
    few = decided(vague, gates_with(power=Verdict.INCONCLUSIVE), "exact", Effect.EXACT, records=5)
    assert few.tier is Tier.EXACT


@pytest.mark.parametrize(
    "found",
    [
        left_open(0.35, -0.1, 0.8),
        left_open(0.2, 0.05, 0.35),
        left_open(-0.4, -0.9, 0.1),
        replace(left_open(0.1, -0.3, 0.5), estimates=()),
        replace(left_open(0.1, -0.3, 0.5), verdict=Verdict.FAIL),
        left_open(0.55, 0.3, 0.8),
    ],
    ids=["beyond the margin", "not a stranger", "stranger still", "no estimate", "fail", "unclear"],
)
def test_what_speaks_against_an_exact_route_is_never_want_of_power(found: CheckResult) -> None:
    assert not only_underpowered(found)
    decision = decided(results_with(found), profile="exact", effect=Effect.EXACT)
    assert decision.verdict is not Verdict.PASS


@pytest.mark.parametrize("profile", ["behavioural", "erasure", "gdpr", "hipaa"])
def test_only_a_verified_lineage_excuses_want_of_power(profile: str) -> None:
    vague = results_with(left_open(0.1, -0.3, 0.5))
    assert decided(vague, profile=profile, effect=Effect.EXACT).verdict is Verdict.INCONCLUSIVE
    unlisted = decided(vague, gates_without("lineage"), "exact", Effect.EXACT)
    assert unlisted.verdict is Verdict.INCONCLUSIVE
    claimed = decided(clean_results(), gates_without("lineage"), effect=Effect.EXACT)
    assert claimed.tier is Tier.ERASURE, "without the lineage the tests show no more than erasure"


def test_an_exact_route_that_deleted_nothing_never_passes_whatever_it_lists() -> None:
    for impostor in IMPOSTORS.values():
        decision = decided(impostor, profile="exact", effect=Effect.EXACT, records=5)
        assert decision.verdict is not Verdict.PASS
