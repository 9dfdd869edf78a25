"""Weight-space regularisation: first move far from the original weights, then forget.

Idea: how easily forgotten records are relearned, even from retained records alone, is predicted by
how near the unlearned weights stayed to the original ones: by their distance, and by whether the
loss stays low on the straight line between the two. So the weights are first driven away while
the retained records are trained on, and only then does an inner method forget, with its calibrated
end. The first phase minimises, over the weights ``w`` with the original ``w_0``,

* ``distance``: ``NLL(D_r) - alpha * sqrt(mean of (w - w_0)^2)``;
* ``connectivity``: ``NLL(D_r) + alpha * max(-NLL(D_f and D_r at (w + w_0) / 2), -gamma)``, so that
  half-way the loss is high: no straight path leads back;
* ``distortion``: noise of standard deviation ``alpha`` on every weight, then ``NLL(D_r)``;
* ``attenuation``: every weight times ``alpha``, then ``NLL(D_r)``;
* ``dropout``: a share ``alpha`` of the weights to zero, then ``NLL(D_r)``.

Paper: Siddiqui et al., "From Dormant to Deleted", arXiv 2505.22310, on image classifiers; its
values of ``alpha`` are 1, 0.001 (``gamma`` 50), 0.02, 0.5 and 0.2. There a safeguard may come
first and the regulariser last; here the method that forgets comes last, because its end is
calibrated on never-trained persons and nothing may move the weights after it.

Limits: far is not gone. Distance along directions that the records do not use costs nothing and
protects nothing. The first phase costs a share of training, and a copy of the original weights for
the first two variants.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass as plain_dataclass
from dataclasses import field
from typing import Any, Literal

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from contract.catalog import Effect
from contract.record import FROZEN
from unlearning import models, registry
from unlearning.data import Batch, Batches, collate, encode_required
from unlearning.engine import WHOLE, EngineSettings, Phase, Piece, Schedule, fit
from unlearning.forgetting import forget_records
from unlearning.losses.forward import answer_nll
from unlearning.losses.weightspace import barrier, between, root_mean_square_distance
from unlearning.registry import method
from unlearning.spec import Context, Outcome

PHASE = "moving away"
Variant = Literal["distance", "connectivity", "distortion", "attenuation", "dropout"]
PAPER_ALPHA: Mapping[Variant, float] = {
    "distance": 1.0,
    "connectivity": 0.001,
    "distortion": 0.02,
    "attenuation": 0.5,
    "dropout": 0.2,
}


@dataclass(frozen=True, config=FROZEN)
class Settings:
    """How the weights are moved away, and how the records are forgotten then.

    ``alpha`` is the paper's of the variant unless given; ``gamma``: the most nats a token that
    ``connectivity`` asks for half-way. ``effort``: steps of the first phase as a share of the
    recipe's; ``rate``: its learning rate as a factor of the recipe's. ``inner`` names the gradient
    method of the second phase, ``unlearn`` are its settings.
    """

    variant: Variant = "distance"
    alpha: float | None = Field(default=None, gt=0)
    gamma: float = Field(default=50.0, gt=0)
    effort: float = Field(default=0.3, gt=0)
    rate: float = Field(default=1.0, gt=0)
    warmup: int = Field(default=10, ge=0)
    inner: str = "npo"
    unlearn: Mapping[str, Any] = field(default_factory=dict)
    engine: EngineSettings = field(default_factory=EngineSettings)


class Scored(nn.Module):
    """A model as a function of its weights: a batch in, answer NLL a token out."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: Batch) -> Tensor:
        """Return the summed NLL of each row's answer, [rows]."""
        return answer_nll(self.model, batch)


@plain_dataclass(frozen=True)
class Away:
    """The loss of the first phase, as a function of the step."""

    model: Any
    before: Mapping[str, Tensor]
    retain: Batches
    forget: Batches
    settings: Settings
    alpha: float
    device: torch.device

    def loss(self, step: int, piece: Piece = WHOLE) -> Mapping[str, Tensor]:
        """Return the retain term and the regulariser's, or a piece's part of them."""
        retain = self.retain.at(step)
        total = sum(sample.answer_length for sample in retain)
        own = piece.of(retain)
        terms = {}
        if own:
            terms["retain"] = answer_nll(self.model, collate(own, self.device)).sum() / total
        if self.settings.variant == "distance" and piece.index == 0:
            weights = [item for item in self.model.parameters() if item.requires_grad]
            distance = root_mean_square_distance(weights, list(self.before.values()))
            terms["distance"] = -self.alpha * distance
        if self.settings.variant == "connectivity" and piece.index == 0:
            terms["connectivity"] = self._halfway([*retain, *self.forget.at(step)])
        return terms

    def _halfway(self, samples: Sequence[Any]) -> Tensor:
        scored = Scored(self.model)
        mixed = between(dict(scored.named_parameters()), self.before)
        batch = collate(samples, self.device)
        sums = torch.func.functional_call(scored, mixed, (batch,))
        return self.alpha * barrier(sums.sum() / batch.lengths.sum(), self.settings.gamma)


@method(
    title="Weight-space regularised unlearning",
    effect=Effect.REMOVAL,
    summary="Moves the weights far from the original first, so that relearning finds no way back.",
    source="arXiv 2505.22310",
)
def weight_regularised(context: Context, settings: Settings) -> Outcome:
    """Move away, forget by the inner method, and save the model."""
    inner, objective = registry.gradient(settings.inner, settings.unlearn)
    recipe, seed = context.job.recipe, context.job.seed
    tokenizer = models.load_tokenizer(context.model_path)
    model = models.load_model(context.model_path, context.device)
    forget, retain = (
        encode_required(tokenizer, context.records(name), recipe.forms)
        for name in ("forget", "retain")
    )
    alpha = settings.alpha or PAPER_ALPHA[settings.variant]
    before = [item.detach().clone() for item in model.parameters()]
    scored = dict(Scored(model).named_parameters())
    away = Away(
        model=model,
        before=dict(zip(scored, before, strict=True)),
        retain=Batches(retain, recipe.batch, seed + 3),
        forget=Batches(forget, inner.forget_batch, seed + 4),
        settings=settings,
        alpha=alpha,
        device=context.device,
    )
    disturb(model, settings.variant, alpha, seed)
    steps = max(1, round(settings.effort * recipe.epochs * away.retain.per_epoch))
    schedule = Schedule(steps, settings.rate * recipe.learning_rate, settings.warmup)
    moved = fit(
        context,
        Phase(PHASE, model, schedule, away.loss, pieces=recipe.batch, engine=settings.engine),
    )
    with torch.no_grad():
        distance = float(root_mean_square_distance(list(model.parameters()), before))
    done = forget_records(context, model, tokenizer, inner, objective)
    models.save(done.model, tokenizer, context.output)
    metrics = {"moving_steps": float(moved.steps), "moved": distance, **done.metrics}
    return Outcome("whole", metrics, (*moved.notes, *done.notes))


@torch.no_grad()
def disturb(model: Any, variant: Variant, alpha: float, seed: int) -> None:
    """Change every weight in place as the variant begins; ``distance`` and others do nothing."""
    change = _CHANGES.get(variant)
    if change is None:
        return
    generator = torch.Generator().manual_seed(seed)
    for item in model.parameters():
        item.copy_(change(item, alpha, generator))


def _noisy(item: Tensor, alpha: float, generator: torch.Generator) -> Tensor:
    noise = torch.randn(item.shape, generator=generator)
    return item + alpha * noise.to(device=item.device, dtype=item.dtype)


def _smaller(item: Tensor, alpha: float, _: torch.Generator) -> Tensor:
    return item * alpha


def _thinner(item: Tensor, alpha: float, generator: torch.Generator) -> Tensor:
    kept = torch.rand(item.shape, generator=generator) >= alpha
    return item * kept.to(item.device)


_CHANGES: Mapping[str, Callable[[Tensor, float, torch.Generator], Tensor]] = {
    "distortion": _noisy,
    "attenuation": _smaller,
    "dropout": _thinner,
}
