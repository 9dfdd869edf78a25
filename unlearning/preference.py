"""The phase that pushes records out: NPO with a retain term and calibrated stopping.

One step is one forward pass over forget and retain rows together; the reference model is a
cache of numbers (:mod:`unlearning.reference`). The methods ``npo`` and ``undo`` share it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import Any

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from contract.record import CALIBRATION_FORM, FROZEN
from unlearning.data import Batches, Sample, collate, encode, encode_required
from unlearning.loop import Fit, Phase, Schedule, fit
from unlearning.losses import answer_nll, nll, npo
from unlearning.reference import ReferenceCache
from unlearning.spec import Context
from unlearning.stopping import CalibratedStop, Probes, StopSettings

PHASE = "forgetting"


@dataclass(frozen=True, config=FROZEN)
class PreferenceSettings:
    """Settings of the phase.

    ``beta`` is NPO's inverse temperature; the loss is ``forget_weight`` * NPO +
    ``retain_weight`` * NLL. ``steps`` is an upper bound when calibration records are given, else
    the number of steps. Batches count forms of records.
    """

    beta: float = Field(default=0.1, gt=0)
    forget_weight: float = Field(default=0.5, gt=0)
    retain_weight: float = Field(default=1.0, ge=0)
    learning_rate: float = Field(default=1e-4, gt=0)
    steps: int = Field(default=300, ge=1)
    warmup: int = Field(default=5, ge=0)
    forget_batch: int = Field(default=8, ge=1)
    retain_batch: int = Field(default=24, ge=1)
    retain_probes: int = Field(default=64, ge=1)
    stop: StopSettings = field(default_factory=StopSettings)


def preference_loss(
    model: Any,
    forget: Sequence[Sample],
    retain: Sequence[Sample],
    reference: Tensor,
    settings: PreferenceSettings,
) -> Tensor:
    """Return the loss of one step from one forward pass over ``forget`` and ``retain`` together.

    ``reference`` [forget samples] are summed answer NLLs under the model before unlearning.
    """
    batch = collate([*forget, *retain], reference.device)
    sums, count = answer_nll(model, batch), len(forget)
    away = npo(sums[:count], reference, batch.lengths[:count], beta=settings.beta)
    keep = nll(sums[count:], batch.lengths[count:], reduction="mean")
    return settings.forget_weight * away + settings.retain_weight * keep


def forget_by_preference(
    context: Context, model: Any, tokenizer: Any, settings: PreferenceSettings
) -> tuple[dict[str, float], tuple[str, ...]]:
    """Unlearn the job's forget records in place; returns metrics and notes."""
    recipe, seed = context.job.recipe, context.job.seed
    forget = encode_required(tokenizer, context.records("forget"), recipe.forms)
    retain = encode_required(tokenizer, context.records("retain"), recipe.forms)
    cache = ReferenceCache(context.work, context.model.digest, tokenizer)
    cache.fill(model, forget, context.device)
    context.events.emit(PHASE, "reference log-probabilities are cached")
    watch = _watch(context, model, tokenizer, retain, settings)
    forgets = Batches(forget, settings.forget_batch, seed)
    retains = Batches(retain, settings.retain_batch, seed + 1)

    def loss(step: int) -> Tensor:
        now = forgets.at(step)
        reference = cache.at(now, context.device)
        return preference_loss(model, now, retains.at(step), reference, settings)

    schedule = Schedule(settings.steps, settings.learning_rate, settings.warmup)
    done = fit(context, Phase(PHASE, model, schedule, loss, watch))
    return _metrics(done, watch), _notes(watch)


def _watch(
    context: Context,
    model: Any,
    tokenizer: Any,
    retain: Sequence[Sample],
    settings: PreferenceSettings,
) -> CalibratedStop | None:
    if not context.has("calibration"):
        return None
    forget = encode(tokenizer, context.records("forget"), [CALIBRATION_FORM])
    twins = encode(tokenizer, context.records("calibration"), [CALIBRATION_FORM])
    if not forget or not twins:
        return None
    generator = torch.Generator().manual_seed(context.job.seed)
    order = torch.randperm(len(retain), generator=generator)[: settings.retain_probes].tolist()
    probes = Probes(forget, twins, [retain[item] for item in order])
    return CalibratedStop(model, probes, settings.stop, context.device)


def _metrics(done: Fit, watch: CalibratedStop | None) -> dict[str, float]:
    metrics = {"forgetting_steps": float(done.steps), "forgetting_loss": done.loss}
    if watch is not None and watch.best is not None:
        best = watch.best
        metrics |= {
            "calibration_step": float(best.step),
            "calibration_rank": best.rank,
            "calibration_forget_nll": best.forget,
            "calibration_twins_nll": best.twins,
            "retain_nll": best.retain,
        }
    return metrics


def _notes(watch: CalibratedStop | None) -> tuple[str, ...]:
    if watch is None:
        return ("No calibration records were given: forgetting ran a fixed number of steps.",)
    if watch.collapsed:
        return ("Forgetting was ended early because retained knowledge began to collapse.",)
    if not watch.reached:
        return ("Forgetting reached its step limit before the records looked never-trained.",)
    return ()
