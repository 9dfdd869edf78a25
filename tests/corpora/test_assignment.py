import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpora.assignment import (
    ASSIGNMENT,
    Arm,
    Assignment,
    draw_arms,
    flip_pairs,
    flip_subjects,
)

subjects = st.lists(st.tuples(st.text(max_size=5)), unique=True, min_size=2, max_size=30)
seeds = st.integers(min_value=0, max_value=2**64)


@given(subjects, seeds)
def test_exactly_one_of_each_pair_is_trained(keys: list[tuple[str, ...]], seed: int) -> None:
    pairs = list(zip(keys[::2], keys[1::2], strict=False))
    arms = flip_pairs(pairs, seed).arms()
    assert all({arms[first], arms[second]} == {Arm.TRAINED, Arm.TWIN} for first, second in pairs)


@given(subjects, seeds)
def test_a_flip_does_not_depend_on_the_order_of_subjects(
    keys: list[tuple[str, ...]], seed: int
) -> None:
    assert flip_subjects(keys, seed).arms() == flip_subjects(keys[::-1], seed).arms()
    sizes = {Arm.TRAINED: 1, Arm.TWIN: 1}
    assert draw_arms(keys, seed, sizes).arms() == draw_arms(keys[::-1], seed, sizes).arms()


@given(subjects, seeds)
def test_a_recorded_assignment_replays_after_a_round_trip(
    keys: list[tuple[str, ...]], seed: int
) -> None:
    for made in (
        flip_pairs([(keys[0], keys[1])], seed),
        flip_subjects(keys, seed, 0.3),
        draw_arms(keys, seed, {Arm.TRAINED: 1, Arm.PUBLIC: 1}),
    ):
        read: Assignment = ASSIGNMENT.validate_json(ASSIGNMENT.dump_json(made))
        assert read == made and read.digest == made.digest and read.replays()


def test_a_changed_outcome_changes_the_digest_and_does_not_replay() -> None:
    made = flip_pairs([(("a",), ("b",)), (("c",), ("d",))], seed=7)
    first = made.flips[0]
    other = Arm.TWIN if first.arm is Arm.TRAINED else Arm.TRAINED
    forged = dataclasses.replace(
        made, flips=(dataclasses.replace(first, arm=other), *made.flips[1:])
    )
    assert forged.digest != made.digest
    assert not forged.replays()


def test_the_coins_are_fair_and_the_share_is_kept() -> None:
    keys = [(f"person {number}",) for number in range(4000)]
    pairs = list(zip(keys[::2], keys[1::2], strict=True))
    heads = sum(flip.arm is Arm.TRAINED for flip in flip_pairs(pairs, 1).flips)
    trained = sum(arm is Arm.TRAINED for arm in flip_subjects(keys, 1, 0.8).arms().values())
    assert 900 < heads < 1100
    assert 3100 < trained < 3300


def test_a_subject_cannot_be_flipped_twice() -> None:
    with pytest.raises(ValueError, match="more than one coin flip"):
        flip_pairs([(("a",), ("b",)), (("a",), ("c",))], seed=0)
    with pytest.raises(ValueError, match="more than one coin flip"):
        flip_subjects([("a",), ("a",)], seed=0)


def test_impossible_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot draw 3 subjects from 2"):
        draw_arms([("a",), ("b",)], 0, {Arm.TRAINED: 3})
    with pytest.raises(ValueError, match="between 0 and 1"):
        flip_subjects([("a",)], 0, 1.5)
