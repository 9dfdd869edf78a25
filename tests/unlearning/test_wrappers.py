from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from contract.event import EventLog
from contract.job import Recipe, UnlearningJob, write_job
from contract.result import JobError
from tests.unlearning.engine.tiny import batch, lesson, tiny
from unlearning.data import collate
from unlearning.engine import EngineSettings, Phase, Piece, Schedule, fit
from unlearning.engine.weights import Weights
from unlearning.losses import answer_nll
from unlearning.spec import Context
from unlearning.wrappers import Averaging, Curvature, GradientNorm, Sam, Smoothing, Wrapper

SMOOTHING = [Sam(), Smoothing(), GradientNorm(), Curvature(), (GradientNorm(), Sam())]


class Valley(nn.Module):
    """Two weights; the forget term is a quartic, the retain term a parabola."""

    def __init__(self, first: float = 1.0, second: float = 2.0, count: int = 1) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([first, second], dtype=torch.float64))
        self.count = count
        self.asked: list[str] = []

    def forget(self, at: Tensor | None = None) -> Tensor:
        weight = self.weight if at is None else at
        return weight[0] ** 4 + weight[0] ** 2 * weight[1] + weight[1] ** 2

    def retain(self) -> Tensor:
        return 3.0 * self.weight[0] ** 2

    def backward(
        self, only: str | None = None, *, through: Callable[[Tensor], Tensor] | None = None
    ) -> float:
        self.asked.append(only or "all")
        total = 0.0
        for share in [0.75, 0.25][: self.count] if self.count == 2 else [1.0]:
            loss = torch.zeros((), dtype=torch.float64)
            if only != "retain":
                loss = loss + share * self.forget()
            if only != "forget":
                loss = loss + share * self.retain()
            (loss if through is None else through(loss)).backward()
            total += float(loss.detach())
        return total

    def gradient(self, *wraps: Any, step: int = 0) -> Tensor:
        weights = Weights(self)
        Wrapper(wraps).gradients(step, weights, self.backward)
        (found,) = weights.gradients()
        assert found is not None
        return found


def numeric(function: Callable[[Tensor], Tensor], at: Tensor, size: float = 1e-5) -> Tensor:
    """Return the gradient of a function by central differences."""
    sides = [
        (function(at + move) - function(at - move)) / (2 * size)
        for move in size * torch.eye(len(at), dtype=at.dtype)
    ]
    return torch.stack(sides).detach()


def slope(at: Tensor) -> Tensor:
    """Return the gradient of the valley's forget term, by hand."""
    return torch.stack([4 * at[0] ** 3 + 2 * at[0] * at[1], at[0] ** 2 + 2 * at[1]])


RETAIN = torch.tensor([6.0, 0.0], dtype=torch.float64)  # of 3 x^2 at x = 1
START = torch.tensor([1.0, 2.0], dtype=torch.float64)


def test_without_a_wrapper_there_is_one_pass_over_everything() -> None:
    valley = Valley()
    assert valley.gradient().tolist() == [14.0, 5.0]  # 4 + 4 + 6 and 1 + 4
    assert valley.asked == ["all"]


def test_sam_takes_the_forget_gradient_uphill_and_the_retain_gradient_at_home() -> None:
    # By hand: g = (8, 5), |g| = sqrt 89, the move is 0.1 g / |g|.
    by_hand = slope(START + 0.1 * slope(START) / 89**0.5) + RETAIN
    assert torch.allclose(Valley().gradient(Sam(rho=0.1)), by_hand, rtol=1e-6)


def test_smoothing_is_the_mean_gradient_over_noisy_weights() -> None:
    found = Valley().gradient(Smoothing(sigma=0.01, draws=4000))
    assert torch.allclose(found, slope(START) + RETAIN, atol=0.02)
    one, other = (Valley().gradient(Smoothing(sigma=0.1, draws=2), step=step) for step in (0, 1))
    assert not torch.equal(one, other)
    assert torch.equal(one, Valley().gradient(Smoothing(sigma=0.1, draws=2), step=0))


@pytest.mark.parametrize("count", [1, 2])
def test_the_gradient_penalty_has_the_gradient_of_a_finite_difference(count: int) -> None:
    penalised = numeric(lambda at: Valley().forget(at) + 0.3 * slope(at).norm(), START)
    found = Valley(count=count).gradient(GradientNorm(weight=0.3))
    assert torch.allclose(found, penalised + RETAIN, rtol=1e-6)


@pytest.mark.parametrize("count", [1, 2])
def test_the_curvature_penalty_has_the_gradient_of_a_finite_difference(count: int) -> None:
    move = 0.2 * slope(START) / slope(START).norm()
    penalised = numeric(
        lambda at: Valley().forget(at) + 0.3 * (slope(at + move) - slope(at)).norm(), START
    )
    found = Valley(count=count).gradient(Curvature(weight=0.3, mu=0.2))
    assert torch.allclose(found, penalised + RETAIN, rtol=1e-6)


@pytest.mark.parametrize("wrap", SMOOTHING)
def test_accumulation_in_pieces_changes_nothing(wrap: Any) -> None:
    wraps = wrap if isinstance(wrap, tuple) else (wrap,)
    assert torch.allclose(Valley(count=1).gradient(*wraps), Valley(count=2).gradient(*wraps))


@pytest.mark.parametrize("wrap", SMOOTHING)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_weights_come_back_bit_for_bit_and_frozen_ones_never_move(
    wrap: Any, dtype: torch.dtype
) -> None:
    model, data = tiny("llama").to(dtype), batch()
    for name, item in model.named_parameters():
        item.requires_grad_("down_proj" in name)
    before = {name: item.detach().clone() for name, item in model.named_parameters()}

    def backward(only: str | None = None, *, through: Any = None) -> float:
        loss = -answer_nll(model, data).mean() * (0.5 if only == "retain" else 1.0)
        (loss if through is None else through(loss)).backward()
        return float(loss.detach())

    weights = Weights(model)
    wraps = wrap if isinstance(wrap, tuple) else (wrap,)
    value = Wrapper(wraps).gradients(3, weights, backward)
    assert value < 0
    for name, item in model.named_parameters():
        assert torch.equal(item, before[name]), name
        assert (item.grad is not None and bool(item.grad.any())) == ("down_proj" in name)


def test_weights_come_back_when_a_pass_fails() -> None:
    valley = Valley()
    weights = Weights(valley)
    calls: list[str | None] = []

    def failing(only: str | None = None, *, through: Any = None) -> float:
        del through
        calls.append(only)
        if len(calls) == 2:
            raise RuntimeError
        return valley.backward(only)

    with pytest.raises(RuntimeError):
        Wrapper([Sam(rho=0.5)]).gradients(0, weights, failing)
    assert torch.equal(valley.weight, START)


def test_averaging_keeps_the_mean_of_the_weights_it_looked_at_and_resumes() -> None:
    valley = Valley()
    weights, wrapper = Weights(valley), Wrapper([Averaging(start=2, every=2)])
    for step in range(1, 7):
        with torch.no_grad():
            valley.weight.copy_(torch.tensor([step, -step], dtype=torch.float64))
        wrapper.after(step, weights)
        if step == 4:
            resumed = Wrapper([Averaging(start=2, every=2)])
            resumed.restore(wrapper.state())
            wrapper = resumed
    with wrapper.view(weights):
        assert valley.weight.tolist() == [4.0, -4.0]  # the mean of 2, 4 and 6
    assert valley.weight.tolist() == [6.0, -6.0]
    wrapper.finish(weights)
    assert valley.weight.tolist() == [4.0, -4.0]


def test_a_penalty_must_be_innermost_and_the_order_counts() -> None:
    with pytest.raises(JobError, match="innermost"):
        Wrapper([Sam(), GradientNorm()])
    assert Wrapper([Averaging(), GradientNorm(), Sam()]).second_order
    by_hand = numeric(
        lambda at: Valley().forget(at) + 0.3 * slope(at).norm(),
        START + 0.1 * _penalised_direction(),
    )
    found = Valley().gradient(GradientNorm(weight=0.3), Sam(rho=0.1))
    assert torch.allclose(found, by_hand + RETAIN, rtol=1e-6)


@pytest.mark.parametrize(
    "inner",
    [Sam(rho=0.1), Smoothing(sigma=1e-9, draws=3), GradientNorm(weight=0.3), Curvature(mu=0.2)],
)
def test_smoothing_around_another_wrapper_is_the_mean_of_what_that_gives(inner: Any) -> None:
    around = Valley().gradient(inner, Smoothing(sigma=1e-9, draws=3))
    assert torch.allclose(around, Valley().gradient(inner), rtol=1e-5)


def _penalised_direction() -> Tensor:
    gradient = numeric(lambda at: Valley().forget(at) + 0.3 * slope(at).norm(), START)
    return gradient / gradient.norm()


def trained(folder: Path, wraps: Any, pieces: int = 1, fail_at: int | None = None) -> Any:
    """Train a tiny model for six steps in the real loop, with a checkpoint at every step."""
    folder.mkdir(exist_ok=True)
    job = UnlearningJob("train", Recipe())
    write_job(folder, job)
    events, stop, device = EventLog(folder), threading.Event(), torch.device("cpu")
    context = Context(folder, job, device, events, folder, folder, stop, 0.0)
    model, samples = tiny("llama"), lesson(8)

    def loss(step: int, piece: Piece) -> dict[str, Tensor]:
        if step == fail_at:
            raise InterruptedError
        terms = {}
        if piece.only != "retain":
            terms["forget"] = -0.01 * answer_nll(model, collate(piece.of(samples[:4]))).sum()
        if piece.only != "forget":
            terms["retain"] = 0.1 * answer_nll(model, collate(piece.of(samples[4:]))).sum()
        return terms

    engine = EngineSettings(pieces=pieces)
    wrap = Wrapper(wraps, seed=4)
    fit(context, Phase("x", model, Schedule(6, 1e-2), loss, pieces=4, wrap=wrap, engine=engine))
    return torch.cat([item.detach().flatten() for item in model.parameters()])


@pytest.mark.parametrize(
    "wraps",
    [
        [Smoothing(sigma=0.01, draws=2), Averaging(start=2, every=1)],
        [GradientNorm(), Sam(rho=0.1)],
        [Curvature()],
    ],
)
def test_in_the_loop_a_killed_run_resumes_to_the_same_end_in_any_number_of_pieces(
    wraps: Any, tmp_path: Path
) -> None:
    unbroken = trained(tmp_path / "unbroken", wraps)
    with pytest.raises(InterruptedError):
        trained(tmp_path / "killed", wraps, fail_at=4)
    assert torch.equal(trained(tmp_path / "killed", wraps), unbroken)
    assert torch.allclose(trained(tmp_path / "pieces", wraps, pieces=2), unbroken, atol=1e-4)
    assert not torch.allclose(trained(tmp_path / "plain", []), unbroken, atol=1e-4)
