"""Shards, slices, orders and groups: the arithmetic, by hand."""

from __future__ import annotations

import pytest

from contract.result import ErrorCode, JobError
from unlearning.division import Division, capacity
from unlearning.slicing import (
    best_order,
    cyclic_orders,
    deal,
    expected_deletions,
    layer_groups,
    stage_epochs,
    surviving,
)


def test_subjects_are_dealt_evenly_and_by_the_seed() -> None:
    dealt = deal(range(10), 3, seed=1)
    counts = sorted(list(dealt.values()).count(place) for place in range(3))
    assert counts == [3, 3, 4]
    assert dealt == deal(range(10), 3, seed=1) != deal(range(10), 3, seed=2)


def test_every_cyclic_order_begins_with_another_slice() -> None:
    assert cyclic_orders(3, 2) == ((0, 1, 2), (1, 2, 0))
    assert cyclic_orders(3, 0) == ()


def test_more_orders_than_slices_are_refused() -> None:
    with pytest.raises(JobError) as error:
        cyclic_orders(2, 3)
    assert error.value.code is ErrorCode.BAD_JOB


def test_a_slice_that_is_off_takes_what_stands_on_it_along() -> None:
    assert surviving((0, 1, 2), {1}) == 1
    assert surviving((1, 2, 0), {1}) == 0
    assert surviving((2, 0, 1), set()) == 3


def test_the_order_that_still_knows_the_most_records_is_served() -> None:
    orders = cyclic_orders(3, 3)
    # Slice 1 is off: (0) knows 1 record, (1 ...) none, (2, 0) knows 5 + 1.
    assert best_order(orders, {1}, (1, 9, 5)) == (2, 2)
    assert best_order(orders, (), (1, 9, 5)) == (0, 3)
    assert best_order(orders, {0, 1, 2}, (1, 9, 5)) == (0, 0)


def test_expected_deletions_are_those_of_the_coupon_collector() -> None:
    assert expected_deletions(6, 3) == pytest.approx(6 * (1 + 1 / 2 + 1 / 3))
    assert expected_deletions(6, 0) == 0


def test_epochs_of_the_stages_add_up_to_the_cost_of_one_training() -> None:
    # 3 slices, 20 epochs: 10 over 1/3, 10 over 2/3, 10 over all = 20 over all.
    assert stage_epochs(20, 3) == 10
    assert stage_epochs(1, 5) == 1


def test_layers_are_split_from_the_top() -> None:
    assert layer_groups(5, 2) == ((4, 3), (2, 1, 0))
    assert layer_groups(3, 3) == ((2,), (1,), (0,))
    with pytest.raises(JobError):
        layer_groups(2, 3)


def test_capacity_counts_the_shards_slices_and_orders_that_are_left() -> None:
    shards = {"one": ("a", "b", "c"), "two": ("d", "e")}
    slices = {"one": (("a",), ("b", "c")), "two": (("d",), ("e",))}
    whole = Division(shards, slices, cyclic_orders(2, 2))
    assert capacity(whole) == {
        "records": 5,
        "records_served": 5,
        "deletion_capacity": pytest.approx(4 * (1 + 1 / 2 + 1 / 3 + 1 / 4)),
    }
    hit = Division(shards, slices, cyclic_orders(2, 2), off={"one": (0,)})
    # The first shard serves the order (1, 0) up to slice 1; three first slices are left.
    assert capacity(hit)["records_served"] == 4
    assert capacity(hit)["deletion_capacity"] == pytest.approx(4 * (1 + 1 / 2 + 1 / 3))


def test_a_shard_without_slices_is_one_slice() -> None:
    plain = Division({"one": ("a", "b"), "two": ("c",)})
    assert plain.parts("one") == (("a", "b"),)
    assert plain.holding({"c"}) == {"two": (0,)}
    assert capacity(plain)["deletion_capacity"] == pytest.approx(2 * 1.5)
    assert plain.without({"a"}).shards == {"one": ("b",), "two": ("c",)}
