"""Task vector: learn the records even better, then go the same way backwards.

Idea: the difference that fine-tuning on the records makes to the weights is the direction in which
they are known; subtracting it forgets them.

    w = w_0 - scale * (w_ft - w_0),   w_ft = fine-tuned from w_0 on D_f

Papers: Ilharco et al., "Editing Models with Task Arithmetic", arXiv 2212.04089; as a baseline of
unlearning in MUSE, arXiv 2407.06460 (scale 1). Nothing is trained on retained records, and adding
the vector back undoes it.

Where never-trained persons are given, the scale is searched for: doubled until the records look
never-trained, or retained knowledge collapses, or ``most`` is reached, and then halved in on. Else
it is ``scale``.

Limits: weak. A model that knows the records well has little left to learn of them, so the vector
is short and general; large scales take neighbours and language along. Nothing holds the rest.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from contract.catalog import Effect
from contract.record import FROZEN
from contract.result import ErrorCode, JobError
from unlearning import models
from unlearning.data import Batches, collate, encode, encode_required
from unlearning.engine import WHOLE, EngineSettings, Fit, Phase, Piece, Schedule, fit
from unlearning.losses.forward import answer_nll
from unlearning.registry import method
from unlearning.spec import Context, Outcome
from unlearning.stopping import (
    COLLAPSED,
    INDISTINGUISHABLE,
    CalibratedStop,
    Reading,
    StopSettings,
    private_probes,
)

PHASE = "learning the records better"
HALVINGS = 6
FIXED = "No calibration records were given: the vector was subtracted at its fixed scale."
NOT_REACHED = "No scale within the limit made the records look never-trained."


@dataclass(frozen=True, config=FROZEN)
class Settings:
    """How the vector is learned, and how much of it is subtracted.

    ``scale`` is the paper's, for jobs without calibration records; ``most`` bounds the search for
    it otherwise, of whose readings ``stop`` sets tolerance and guard.
    """

    learning_rate: float = Field(default=1e-4, gt=0)
    steps: int = Field(default=50, ge=1)
    warmup: int = Field(default=5, ge=0)
    batch: int = Field(default=8, ge=1)
    scale: float = Field(default=1.0, gt=0)
    most: float = Field(default=32.0, gt=0)
    stop: StopSettings = field(default_factory=StopSettings)
    engine: EngineSettings = field(default_factory=EngineSettings)


@method(
    title="Task vector",
    effect=Effect.REMOVAL,
    summary="Fine-tunes on the records and subtracts the difference; needs nothing else, weak.",
    source="arXiv 2212.04089, arXiv 2407.06460",
    needs=("forget",),
)
def task_vector(context: Context, settings: Settings) -> Outcome:
    """Learn the vector, subtract it, and save the model."""
    tokenizer = models.load_tokenizer(context.model_path)
    model = models.load_model(context.model_path, context.device)
    before = _weights(model)
    done = learn(context, model, tokenizer, settings)
    vector = {name: item - before[name] for name, item in _weights(model).items()}

    def put(scale: float) -> None:
        place(model, before, vector, scale)

    metrics = {"learning_steps": float(done.steps), "learning_loss": done.loss}
    put(0.0)
    watch = _watch(context, model, tokenizer, settings)
    found: dict[str, float] = {"scale": settings.scale}
    notes: tuple[str, ...] = (FIXED,)
    if watch is None:
        put(settings.scale)
    else:
        found, notes = search(watch.read, put, settings)
    models.save(model, tokenizer, context.output)
    return Outcome("whole", {**metrics, **found}, (*done.notes, *notes))


def learn(context: Context, model: Any, tokenizer: Any, settings: Settings) -> Fit:
    """Fine-tune the model in place on the forget records."""
    forget = encode_required(tokenizer, context.records("forget"), context.job.recipe.forms)
    batches = Batches(forget, settings.batch, context.job.seed)

    def loss(step: int, piece: Piece = WHOLE) -> Tensor:
        samples = batches.at(step)
        total = sum(sample.answer_length for sample in samples)
        return answer_nll(model, collate(piece.of(samples), context.device)).sum() / total

    schedule = Schedule(settings.steps, settings.learning_rate, settings.warmup)
    rows = [len(batches.at(step)) for step in range(batches.per_epoch)]
    phase = Phase(PHASE, model, schedule, loss, pieces=min(rows), engine=settings.engine)
    return fit(context, phase)


@torch.no_grad()
def place(
    model: Any, before: Mapping[str, Tensor], vector: Mapping[str, Tensor], scale: float
) -> None:
    """Set the weights to those before less ``scale`` times the vector."""
    for name, item in model.named_parameters():
        item.copy_(before[name] - scale * vector[name])


def search(
    read: Callable[[int], Reading], put: Callable[[float], None], settings: Settings
) -> tuple[dict[str, float], tuple[str, ...]]:
    """Put the scale that leaves the records nearest to never-trained ones; metrics and notes.

    Raises ``DIVERGED`` when no scale brings them nearer without losing retained knowledge.
    """
    first = read(0)
    sound: dict[float, Reading] = {0.0: first}

    def too_far(scale: float) -> bool:
        put(scale)
        now = read(0)
        usable = math.isfinite(now.retain) and math.isfinite(now.forget)
        if not usable or now.retain - first.retain > settings.stop.collapse:
            return True
        sound[scale] = now
        return now.rank <= INDISTINGUISHABLE

    low, high = 0.0, settings.scale
    while not (passed := too_far(high)) and high < settings.most:
        low, high = high, min(2 * high, settings.most)
    fell = high not in sound
    for _ in range(HALVINGS if passed else 0):
        middle = (low + high) / 2
        low, high = (low, middle) if too_far(middle) else (middle, high)
    best = min(sound, key=lambda scale: (sound[scale].gap, abs(sound[scale].distance)))
    if best == 0.0:
        message = "the model loses retained records before these; use more or smaller steps"
        raise JobError(ErrorCode.DIVERGED, message)
    put(best)
    reached = sound[best].gap <= settings.stop.tolerance
    return _metrics(sound[best], best), () if reached else (COLLAPSED if fell else NOT_REACHED,)


def _metrics(best: Reading, scale: float) -> dict[str, float]:
    return {
        "scale": scale,
        "calibration_rank": best.rank,
        "calibration_forget_nll": best.forget,
        "calibration_twins_nll": best.twins,
        "retain_nll": best.retain,
    }


def _watch(
    context: Context, model: Any, tokenizer: Any, settings: Settings
) -> CalibratedStop | None:
    kept = context.records("retain") if context.has("retain") else ()
    retain = encode(tokenizer, kept, context.job.recipe.forms)
    probes = private_probes(context, tokenizer, retain)
    if probes is None:
        return None
    return CalibratedStop(model, probes, settings.stop, context.device, 1.0, context.job.seed)


def _weights(model: Any) -> dict[str, Tensor]:
    return {name: item.detach().clone() for name, item in model.named_parameters()}
