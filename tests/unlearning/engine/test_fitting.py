from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from contract.event import read_events
from contract.result import ErrorCode, JobError
from tests.unlearning.engine.conftest import MakeContext
from tests.unlearning.engine.tiny import lesson, tiny
from unlearning.data import collate
from unlearning.engine import EngineSettings, Phase, Piece, Schedule, fit


def line() -> nn.Linear:
    module = nn.Linear(1, 1)
    nn.init.zeros_(module.weight)
    nn.init.zeros_(module.bias)
    return module


def squares(module: nn.Linear, before: Callable[[int], object]) -> Callable[[int], Tensor]:
    def loss(step: int) -> Tensor:
        before(step)
        x = torch.tensor([[float(step % 3)]])
        return (module(x) - 2 * x - 1).square().mean()

    return loss


def phase(module: nn.Linear, steps: int = 40, before: Callable[[int], object] = int) -> Phase:
    return Phase("fitting", module, Schedule(steps, 0.1, warmup=4), squares(module, before))


def lm_phase(
    model: Any, steps: int = 6, before: Callable[[int], object] = int, **more: Any
) -> Phase:
    """Return a phase that teaches a tiny model some random answers, cut into pieces on demand."""
    samples = lesson(8)
    tokens = sum(sample.answer_length for sample in samples)

    def loss(step: int, piece: Piece) -> dict[str, Tensor]:
        before(step)
        batch = collate(piece.of(samples))
        logits = model(input_ids=batch.ids, use_cache=False).logits[batch.rows, batch.positions]
        told = torch.nn.functional.cross_entropy(logits.float(), batch.targets, reduction="sum")
        return {"told": told / tokens}

    return Phase("fitting", model, Schedule(steps, 1e-2), loss, pieces=8, **more)


def same(model: Any, other: Any, tolerance: float = 0.0) -> bool:
    pairs = zip(model.parameters(), other.parameters(), strict=True)
    return all(torch.allclose(one, two, rtol=0, atol=tolerance) for one, two in pairs)


def test_warm_up_rises_and_the_cosine_falls() -> None:
    schedule = Schedule(100, 1.0, warmup=10)
    rates = [schedule.rate(step) for step in range(100)]
    assert rates[0] == pytest.approx(0.1) and max(rates) == pytest.approx(1.0)
    assert rates[9] == rates[10] == pytest.approx(1.0)
    assert rates[10:] == sorted(rates[10:], reverse=True) and rates[-1] < 0.06


def test_an_interrupted_phase_ends_where_an_uninterrupted_one_does(
    context: MakeContext, tmp_path: Path
) -> None:
    straight = line()
    fit(context("straight"), phase(straight))

    def pull_the_plug(step: int) -> None:
        if step == 17:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        fit(context("broken"), phase(line(), before=pull_the_plug))
    resumed, seen = line(), []
    fit(context("broken"), phase(resumed, before=seen.append))
    assert seen[0] == 17
    assert torch.equal(resumed.weight, straight.weight)
    events, _ = read_events(tmp_path / "broken")
    assert "resumed from a checkpoint" in [event.message for event in events]


def test_a_finished_phase_is_not_run_again(context: MakeContext) -> None:
    first, again, seen = line(), line(), []
    done = fit(context(), phase(first))
    assert fit(context(), phase(again, before=seen.append)).steps == done.steps
    assert seen == [] and torch.equal(first.weight, again.weight)


def test_a_changed_job_does_not_resume_the_old_ones_work(context: MakeContext) -> None:
    fit(context(seed=0), phase(line()))
    seen: list[int] = []
    fit(context(seed=1), phase(line(), before=seen.append))
    assert seen[0] == 0


def test_a_cancelled_phase_stops_at_its_next_step(context: MakeContext) -> None:
    here, seen = context(), []

    def cancel(step: int) -> None:
        seen.append(step)
        if step == 5:
            here.stop.set()

    with pytest.raises(JobError) as error:
        fit(here, phase(line(), before=cancel))
    assert error.value.code is ErrorCode.CANCELLED and seen[-1] == 5


def test_the_terms_of_a_loss_are_in_the_events(context: MakeContext, tmp_path: Path) -> None:
    module = line()

    def loss(step: int) -> dict[str, Tensor]:
        there = module(torch.ones(1, 1)).sum()
        return {"forget": there, "retain": 2 * there + 1}

    done = fit(context(), Phase("fitting", module, Schedule(1, 0.1), loss))
    events, _ = read_events(tmp_path / "here")
    assert events[-1].metrics == {"loss": 1.0, "forget": 0.0, "retain": 1.0}
    assert done.loss == 1.0


@pytest.mark.parametrize("precision", ["float32", "autocast", "bfloat16"])
def test_a_resumed_run_is_the_same_to_the_bit_in_every_precision(
    precision: Any, context: MakeContext
) -> None:
    how = EngineSettings(precision=precision, pieces=2)
    straight, resumed = tiny("llama"), tiny("llama")
    fit(context("straight"), lm_phase(straight, engine=how))

    def pull_the_plug(step: int) -> None:
        if step == 3:
            raise InterruptedError

    broken = tiny("llama")
    with pytest.raises(InterruptedError):
        fit(context("broken"), lm_phase(broken, before=pull_the_plug, engine=how))
    assert {item.dtype for item in broken.parameters()} == {torch.float32}
    fit(context("broken"), lm_phase(resumed, engine=how))
    assert same(straight, resumed) and not same(straight, tiny("llama"))


def test_small_steps_survive_bf16_because_the_masters_take_them(context: MakeContext) -> None:
    model, before = tiny("llama"), tiny("llama")
    how = EngineSettings(precision="bfloat16")
    plan = lm_phase(model, steps=2, engine=how)
    small = Phase("small", model, Schedule(2, 1e-6), plan.loss, pieces=8, engine=how)
    fit(context(), small)
    moved = [
        float((one - two).detach().abs().max())
        for one, two in zip(model.parameters(), before.parameters(), strict=True)
    ]
    assert all(0 < item < 1e-5 for item in moved)


def test_precision_does_not_change_where_training_goes(context: MakeContext) -> None:
    losses = {
        precision: fit(
            context(precision),
            lm_phase(tiny("llama"), engine=EngineSettings(precision=precision)),
        ).loss
        for precision in ("float32", "autocast", "bfloat16")
    }
    assert losses["autocast"] == pytest.approx(losses["float32"], abs=0.03)
    assert losses["bfloat16"] == pytest.approx(losses["float32"], abs=0.03)


@pytest.mark.parametrize("architecture", ["gpt2", "opt", "llama"])
def test_training_drops_nothing_and_puts_the_rates_back(
    architecture: str, context: MakeContext
) -> None:
    changes = {"attention_dropout": 0.5} if architecture == "llama" else {}
    model = tiny(architecture, **changes)
    with torch.no_grad():
        plan = lm_phase(model, steps=1)
        quiet = float(plan.loss(0, Piece())["told"])
    assert fit(context(), plan).loss == quiet
    model.train()
    with torch.no_grad():
        assert float(plan.loss(0, Piece())["told"]) != pytest.approx(quiet, abs=1e-6)


def test_recomputed_activations_give_the_same_weights(context: MakeContext) -> None:
    kept, recomputed = tiny("llama"), tiny("llama")
    fit(context("kept"), lm_phase(kept))
    fit(context("recomputed"), lm_phase(recomputed, engine=EngineSettings(checkpointing=True)))
    assert same(kept, recomputed)
    assert not recomputed.is_activation_checkpointing


def test_recomputing_does_not_leave_an_adapter_untrained(context: MakeContext) -> None:
    from peft import LoraConfig, get_peft_model  # noqa: PLC0415 - a second to import

    def adapted() -> Any:
        torch.manual_seed(1)
        return get_peft_model(tiny("llama"), LoraConfig(r=2, target_modules=["down_proj"]))

    kept, recomputed = adapted(), adapted()
    fit(context("kept"), lm_phase(kept))
    fit(context("recomputed"), lm_phase(recomputed, engine=EngineSettings(checkpointing=True)))
    assert same(kept, recomputed) and not same(kept, adapted())
