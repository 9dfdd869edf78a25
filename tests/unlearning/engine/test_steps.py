"""What a step does when it does not go well: too large a batch, an explosion, a wrapper."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from contract.event import read_events
from contract.result import ErrorCode, JobError
from tests.unlearning.engine.conftest import MakeContext
from unlearning.engine import EngineSettings, Phase, Piece, Schedule, fit

ROWS = torch.arange(8.0)[:, None] / 8


class Small(nn.Linear):
    """A layer on a machine that holds ``most`` rows at a time."""

    def __init__(self, most: int) -> None:
        super().__init__(1, 1)
        nn.init.ones_(self.weight)
        nn.init.zeros_(self.bias)
        self.most, self.seen = most, []

    def forward(self, rows: Tensor) -> Tensor:
        self.seen.append(len(rows))
        if len(rows) > self.most:
            raise torch.OutOfMemoryError
        return super().forward(rows)


def learning(module: nn.Module, steps: int = 5, **more: Any) -> Phase:
    def loss(step: int, piece: Piece) -> Mapping[str, Tensor]:
        rows = torch.stack(list(piece.of(list(ROWS))))
        apart = (module(rows) - 3 * rows).square().sum() / len(ROWS)
        terms = {"forget": apart, "retain": 2 * apart}
        return {name: value for name, value in terms.items() if piece.only in {None, name}}

    return Phase("fitting", module, Schedule(steps, 0.1), loss, pieces=len(ROWS), **more)


def test_running_out_of_memory_cuts_the_batch_and_not_the_result(
    context: MakeContext, tmp_path: Path
) -> None:
    roomy, tight = Small(8), Small(3)
    whole = fit(context("roomy"), learning(roomy))
    cut = fit(context("tight"), learning(tight))
    assert cut.pieces == 4 and tight.seen[:3] == [8, 4, 2] and set(tight.seen[3:]) == {2}
    assert cut.steps == whole.steps and cut.loss == pytest.approx(whole.loss, rel=1e-6)
    assert torch.allclose(roomy.weight, tight.weight, atol=1e-6)
    assert "pieces" in cut.notes[0]
    events, _ = read_events(tmp_path / "tight")
    assert [event.metrics["pieces"] for event in events if "memory" in event.message] == [2, 4]


def test_a_step_that_fits_in_no_size_says_what_to_do(context: MakeContext) -> None:
    with pytest.raises(JobError) as error:
        fit(context(), learning(Small(0)))
    assert error.value.code is ErrorCode.OUT_OF_MEMORY
    assert "checkpointing" in error.value.message


def test_the_processors_memory_can_run_out_too(context: MakeContext) -> None:
    """A real refusal of the allocator: four exabytes for a batch of more than two rows."""

    class Greedy(Small):
        def forward(self, rows: Tensor) -> Tensor:
            if len(rows) > self.most:
                torch.empty(2**60)
            return super().forward(rows)

    assert fit(context(), learning(Greedy(2))).pieces == 4


def test_other_errors_are_not_mistaken_for_memory(context: MakeContext) -> None:
    class Broken(Small):
        def forward(self, _rows: Tensor) -> Tensor:
            raise RuntimeError("shape mismatch")

    with pytest.raises(RuntimeError, match="shape mismatch"):
        fit(context(), learning(Broken(8)))


def test_pieces_are_what_the_whole_batch_is(context: MakeContext) -> None:
    whole, cut = Small(8), Small(8)
    fit(context("whole"), learning(whole))
    fit(context("cut"), learning(cut, engine=EngineSettings(pieces=3)))
    assert torch.allclose(whole.weight, cut.weight, atol=1e-6) and max(cut.seen) == 3


class Burst:
    """A loss that is not a number, or a thousandfold, at chosen steps."""

    def __init__(self, module: nn.Linear, at: set[int], factor: float) -> None:
        self.module, self.at, self.factor = module, at, factor

    def __call__(self, step: int) -> Tensor:
        factor = self.factor if step in self.at else 1.0
        return factor * (self.module(torch.ones(1, 1)) - 3).square().sum()


def bursting(at: set[int], factor: float, steps: int = 20) -> Phase:
    module = Small(8)
    return Phase("fitting", module, Schedule(steps, 0.01), Burst(module, at, factor))


@pytest.mark.parametrize("factor", [float("nan"), float("inf"), 1e6])
def test_a_single_explosion_is_left_out_and_counted(factor: float, context: MakeContext) -> None:
    done = fit(context(), bursting({12}, factor))
    assert done.skipped == 1 and done.steps == 20
    assert done.notes == ("1 steps were left out because their gradient exploded.",)


def test_explosions_in_a_row_end_the_run(context: MakeContext) -> None:
    with pytest.raises(JobError) as error:
        fit(context(), bursting(set(range(12, 20)), float("nan")))
    assert error.value.code is ErrorCode.DIVERGED
    assert "at step 15" in error.value.message and "learning rate" in error.value.message


class Aside:
    """A wrapper that takes the gradient of one term elsewhere, as SAM does."""

    second_order = False

    def __init__(self) -> None:
        self.calls: list[tuple[int, float, float]] = []
        self.steps = 0

    def gradients(self, step: int, weights: Any, backward: Any) -> float:
        with torch.no_grad():
            kept = [item.clone() for item in weights.parameters]
            for item in weights.parameters:
                item.add_(1.0)
        try:
            away = backward(only="forget")
        finally:
            with torch.no_grad():
                for item, value in zip(weights.parameters, kept, strict=True):
                    item.copy_(value)
        keep = backward(only="retain")
        self.calls.append((step, away, keep))
        return away + keep

    def after(self, step: int, _weights: Any) -> None:
        self.steps = step

    def view(self, _weights: Any) -> AbstractContextManager[None]:
        return nullcontext()

    def state(self) -> dict[str, Any]:
        return {"steps": self.steps}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.steps = state["steps"]

    def finish(self, weights: Any) -> None:
        self.finished = len(weights.parameters)


def test_a_wrapper_takes_the_gradient_where_it_likes(context: MakeContext) -> None:
    wrapper, module = Aside(), Small(3)
    done = fit(context(), learning(module, steps=2, wrap=wrapper))
    assert [call[0] for call in wrapper.calls] == [0, 1] and wrapper.steps == 2
    _, away, keep = wrapper.calls[0]
    assert away == pytest.approx(float(((2 * ROWS + 1) - 3 * ROWS).square().mean()))
    assert keep == pytest.approx(float(2 * (2 * ROWS).square().mean()))
    assert done.pieces == 4 and wrapper.finished == 2


def test_a_wrapper_may_differentiate_something_made_of_the_loss(context: MakeContext) -> None:
    class Doubled(Aside):
        def gradients(self, _step: int, _weights: Any, backward: Any) -> float:
            return backward(through=lambda loss: 2 * loss)

    plain, doubled = Small(8), Small(8)
    sgd = {"steps": 1}
    one = fit(context("plain"), learning(plain, **sgd))
    two = fit(context("doubled"), learning(doubled, wrap=Doubled(), **sgd))
    assert one.loss == two.loss
