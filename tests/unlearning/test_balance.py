from __future__ import annotations

import multiprocessing
from pathlib import Path
from typing import Any

import pytest
import torch

from unlearning.balance import ConstraintSettings, DualBalance, balance_of

WHOLE = (0, 1)


def dual(**settings: float) -> DualBalance:
    return DualBalance(ConstraintSettings(**settings))


def test_without_a_constraint_the_weight_stays() -> None:
    balance = balance_of(0.7, None)
    balance.see(WHOLE, torch.tensor(9.0))
    balance.after(1)
    assert balance.weight == 0.7


def test_the_dual_variable_rises_above_the_limit_and_falls_below_it() -> None:
    balance = dual(epsilon=0.5, start=1.0, rate=2.0)
    balance.see(WHOLE, torch.tensor(0.8))
    balance.after(1)
    assert balance.weight == pytest.approx(1.0 + 2.0 * 0.3)
    balance.see(WHOLE, torch.tensor(0.1))
    balance.after(2)
    assert balance.weight == pytest.approx(1.6 - 2.0 * 0.4)


def test_the_dual_variable_is_never_negative() -> None:
    balance = dual(epsilon=5.0, start=0.1, rate=1.0)
    balance.see(WHOLE, torch.tensor(0.0))
    balance.after(1)
    assert balance.weight == 0.0


def test_it_does_not_move_in_the_warm_up() -> None:
    balance = dual(epsilon=0.1, start=1.0, rate=1.0, warmup=1)
    for step, weight in ((1, 1.0), (2, 1.9)):
        balance.see(WHOLE, torch.tensor(1.0))
        balance.after(step)
        assert balance.weight == pytest.approx(weight)


def test_pieces_are_added_and_a_piece_seen_twice_counts_once() -> None:
    balance = dual(epsilon=0.5, start=0.0, rate=1.0)
    balance.see(WHOLE, torch.tensor(7.0))  # memory ran out: the step is cut, and begun again
    balance.see((0, 2), torch.tensor(0.4))
    balance.see((1, 2), torch.tensor(0.3))
    balance.see((1, 2), torch.tensor(0.5))  # a wrapper looks at the same piece again
    balance.after(1)
    assert balance.weight == pytest.approx(0.4)


def test_a_restart_keeps_the_dual_variable() -> None:
    balance, other = dual(start=3.0), dual(start=1.0)
    other.restore(balance.state())
    assert other.weight == 3.0


def move_apart(rank: int, place: str, results: Any) -> None:
    torch.distributed.init_process_group("gloo", f"file://{place}", rank=rank, world_size=2)
    balance = dual(epsilon=0.5, start=1.0, rate=1.0)
    balance.see((rank, 2), torch.tensor(0.2 + rank))
    balance.after(1)
    results.put(balance.weight)
    torch.distributed.destroy_process_group()


def test_two_processes_move_it_by_the_loss_of_both(tmp_path: Path) -> None:
    forked = multiprocessing.get_context("fork")  # nothing has to be imported again
    results = forked.Queue()
    place = str(tmp_path / "meeting")
    running = [forked.Process(target=move_apart, args=(rank, place, results)) for rank in range(2)]
    for one in running:
        one.start()
    weights = [results.get(timeout=60) for _ in running]
    for one in running:
        one.join(timeout=60)
    assert weights == pytest.approx([1.0 + 0.2 + 1.2 - 0.5] * 2)
