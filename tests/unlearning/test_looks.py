"""What looking costs: bounded in tokens, whatever the number of records."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from unlearning.data import Sample
from unlearning.looks import FORWARDS_PER_STEP, Looks, thinned, tokens

SAMPLES = [Sample(str(place), "calibration", (0,) * (4 + place % 5), 1) for place in range(200)]


def test_probes_are_thinned_to_a_number_of_tokens_by_the_seed_alone() -> None:
    few = thinned(SAMPLES, 100, seed=3)
    assert 90 <= tokens(few) <= 100
    assert few == thinned(SAMPLES, 100, seed=3) != thinned(SAMPLES, 100, seed=4)


def test_probes_that_fit_are_all_kept_and_one_is_kept_in_any_case() -> None:
    assert thinned(SAMPLES, tokens(SAMPLES), seed=0) == SAMPLES
    assert len(thinned(SAMPLES, 1, seed=0)) == 1
    assert thinned([], 10, seed=0) == []


@given(
    cost=st.integers(1, 5000),
    step_tokens=st.floats(1, 3000),
    share=st.floats(0.01, 1.0),
    every=st.integers(1, 9),
)
def test_looking_costs_at_most_its_share_and_one_look(
    cost: int, step_tokens: float, share: float, every: int
) -> None:
    looks = Looks(cost, step_tokens, share, every)
    made = []
    for step in range(1, 301):
        if looks.due(step):
            looks.took(step)
            made.append(step)
        assert looks.spent <= share * FORWARDS_PER_STEP * step_tokens * step + cost
    assert made[0] == 1
    assert all(after - before >= every for before, after in pairwise(made))


def test_a_plan_delays_the_next_look_and_survives_a_restart() -> None:
    looks = Looks(cost=1, step_tokens=100, share=1.0)
    assert looks.due(1)
    looks.took(1)
    looks.plan(7)
    again = Looks(cost=1, step_tokens=100, share=1.0)
    again.restore(looks.state())
    assert [step for step in range(2, 9) if again.due(step)] == [7, 8]
