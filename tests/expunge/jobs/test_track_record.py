"""The learned order: by cost per success, within the policy, explained, the same every time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge.jobs.planner import LADDERS, Past, Step, ladder_for, next_step
from expunge.jobs.states import AttemptState
from expunge.jobs.track_record import Plan, Prior, Trials, benchmark, chance_of, make_plan

METHODS = ("npo", "renew", "undo", "retrain")
PRIORS = {
    "npo": Prior(12, 0, 0.7),
    "renew": Prior(12, 12, 0.3),
    "undo": Prior(12, 10, 0.6),
    "retrain": Prior(12, 11, 1.0),
}

trials = st.builds(
    lambda tried, share, unlearning, verifying: Trials(
        tried, round(tried * share), unlearning, verifying
    ),
    st.integers(1, 30),
    st.floats(0, 1),
    st.floats(0.1, 1e4),
    st.floats(0, 1e4),
)
histories = st.fixed_dictionaries(dict.fromkeys(METHODS, trials))


def planned(own: Mapping[str, Trials], methods: Sequence[str] = METHODS) -> Plan:
    plan = make_plan(methods, own, PRIORS)
    assert plan is not None
    return plan


def expected_cost(order: Sequence[str], plan: Plan) -> float:
    """Return what trying in this order until the first pass costs in expectation."""
    total, reached = 0.0, 1.0
    for method in order:
        line = plan.line(method)
        total += reached * line.cost
        reached *= 1 - line.chance
    return total


def test_before_any_attempt_the_benchmark_decides_and_what_never_passed_is_left_out() -> None:
    plan = planned({})
    assert plan.order == ("renew", "undo", "retrain")
    assert plan.line("npo").place == 0
    assert (plan.line("renew").prior_passed, plan.line("renew").prior_tried) == (12, 12)


def test_attempts_on_this_model_outweigh_the_benchmark() -> None:
    plan = planned({"renew": Trials(9, 0, 30.0, 10.0), "npo": Trials(9, 9, 5.0, 10.0)})
    assert plan.order[0] == "npo"
    assert "renew" not in plan.order
    assert (plan.line("npo").passed, plan.line("npo").tried) == (9, 9)


def test_an_exact_route_comes_first_where_it_is_cheaper() -> None:
    own = {"drop_shard": Trials(1, 1, 2.0, 1.0), "retrain": Trials(2, 2, 90.0, 1.0)}
    assert planned(own, ("drop_shard", "retrain")).order == ("drop_shard", "retrain")


def test_nothing_known_leaves_the_order_to_the_policy() -> None:
    assert make_plan(METHODS, {}, {}) is None
    assert make_plan(METHODS, {"npo": Trials(3, 0, 5.0, 1.0)}, {}) is None
    assert make_plan(("new", "retrain"), {}, PRIORS) is None


def test_costs_of_untried_methods_are_brought_to_this_model_s_scale() -> None:
    plan = planned({"renew": Trials(2, 2, 300.0, 100.0)})
    # A full retrain would take 300 / 0.3 = 1000 s here, and 100 s to verify.
    assert plan.line("renew").cost == pytest.approx(400 / 1100, abs=1e-3)
    assert plan.line("retrain").cost == 1.0


@given(own=histories)
def test_the_plan_is_the_cheapest_order_there_is(own: Mapping[str, Trials]) -> None:
    plan = planned(own)
    assert plan.order[-1] == METHODS[-1]
    least = min(expected_cost(order, plan) for order in permutations(plan.order))
    assert expected_cost(plan.order, plan) <= least + 0.01 * len(METHODS)


@given(own=histories, method=st.sampled_from(METHODS[:-1]))
def test_a_further_pass_never_moves_a_method_back(own: Mapping[str, Trials], method: str) -> None:
    before = own[method]
    better = Trials(before.tried + 1, before.passed + 1, before.unlearning, before.verifying)
    first, then = planned(own), planned({**own, method: better})
    if first.line(method).place:
        assert 0 < then.line(method).place <= first.line(method).place


@given(own=histories, tried=st.integers(0, 50), passed=st.floats(0, 1))
def test_chances_are_chances_and_the_plan_is_only_names_and_numbers(
    own: Mapping[str, Trials], tried: int, passed: float
) -> None:
    assert 0 < chance_of(own["npo"], Prior(tried, round(passed * tried), 1.0)) < 1
    plan = planned(own)
    assert planned(own) == plan
    for line in plan.as_json()["lines"]:
        assert line.pop("method") in METHODS
        assert all(isinstance(value, int | float) for value in line.values())


@given(
    own=histories,
    allowed=st.sets(st.sampled_from(METHODS)),
    profile=st.sampled_from(sorted(LADDERS)),
    verdicts=st.lists(st.sampled_from(["fail", "inconclusive"]), min_size=8, max_size=8),
)
def test_every_climb_stays_within_the_policy_and_the_tries_of_its_rungs_and_ends(
    own: Mapping[str, Trials], allowed: set[str], profile: str, verdicts: list[str]
) -> None:
    ladder = ladder_for("whole", profile, allowed)
    tries = {rung.method: rung.tries for rung in ladder}
    plan = make_plan(list(tries), own, PRIORS) if ladder else None
    past: list[Past] = []
    for verdict in verdicts:
        step = _next(profile, past, allowed, plan)
        if step.rung is None:
            break
        before = [item.verdict for item in past if item.method == step.rung.method]
        assert len(before) < tries[step.rung.method] and "fail" not in before
        past.append(Past(step.rung.method, AttemptState.REFUTED, verdict=verdict))
    assert step.rung is None and step.code in {"ladder_exhausted", "no_method"}
    if ladder:
        assert past[-1].method == ladder[-1].method


def test_a_method_that_the_plan_leaves_out_is_still_resumed_after_a_stop() -> None:
    plan = planned({})
    stopped = [Past("npo", AttemptState.CANCELLED)]
    step = _next("erasure", stopped, set(), plan)
    assert step.rung is not None and step.rung.method == "npo"


def test_a_second_try_has_to_be_worth_its_price_too() -> None:
    """Left open once, a cheap method is drawn anew; one that costs as much as a retrain waits."""
    past = [Past("renew", AttemptState.REFUTED, verdict="inconclusive")]
    cheap = planned({"renew": Trials(1, 0, 3.0, 1.0)})
    assert _method("erasure", past, cheap) == "renew"
    dear = planned({"renew": Trials(1, 0, 9.0, 1.0), "retrain": Trials(1, 1, 9.0, 1.0)})
    assert _method("erasure", past, dear) == "retrain"


def test_the_strongest_method_s_failure_ends_the_climb_whatever_is_learned_meanwhile() -> None:
    past = [Past("retrain", AttemptState.REFUTED)]
    step = _next("erasure", past, set(), planned({}))
    assert step.rung is None and step.code == "ladder_exhausted"


def test_the_committed_benchmark_knows_the_ladder_s_methods_of_whole_models() -> None:
    seen = benchmark()["erasure"]
    assert {rung.method for rung in ladder_for("whole", "erasure")} <= set(seen)
    assert all(0 <= prior.passed <= prior.tried for prior in seen.values())


def _next(profile: str, past: Sequence[Past], allowed: set[str], plan: Plan | None) -> Step:
    return next_step(layout="whole", profile=profile, past=past, allowed=allowed, plan=plan)


def _method(profile: str, past: Sequence[Past], plan: Plan) -> str | None:
    rung = _next(profile, past, set(), plan).rung
    return rung.method if rung else None
