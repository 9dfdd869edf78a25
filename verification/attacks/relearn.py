"""Fine-tune a copy of the model on given texts and look at it after given numbers of steps.

Unlearning that only moves a model away from what it knows is undone by a few steps of
fine-tuning, on part of the forgotten data or on unrelated data (Lynch et al., arXiv 2402.16835;
Hu et al., arXiv 2406.13356; Che et al., arXiv 2502.05209). Knowledge that is not there cannot
come back: the facts that the attack did not train on stay as unlikely as a stranger's. Whoever
only asks the model as it is, is fooled by every refusal and every thin patch.

All weights are trained, or with ``rank`` a LoRA adapter on every linear layer (Hu et al., arXiv
2106.09685): what somebody with little memory would do, and less able to write over what is
there. AdamW, constant rate, a short warm-up, loss on answer tokens, in float32 whatever the
model's own precision (steps of this size are lost in bfloat16's rounding). The order of samples
depends on the seed alone. Weights that were blown up or shrunk against the original's, so that such
steps no longer move them, are trained at a rate changed alike.

As an attack of its own it trains with the first seed; :mod:`verification.checks.relearning`
averages over all of them and is what decides.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from pydantic.dataclasses import dataclass as settings_class
from torch.nn import functional

from contract.record import FROZEN
from verification.families.causal_lm import CausalLM, Encoded
from verification.lessons import KINDS, Teaching, lessons_of
from verification.registry import attack
from verification.signals import NotFiniteError, Signals, answer_tokens, padded
from verification.spec import Context, Tampered

BASE_RATE = 5e-4
BASE_PARAMETERS = 2.3e6
ADAPTER_FACTOR = 4.0
"""How much faster an adapter learns: its usual rate of a few 1e-4 is found at large models."""
WARMUP = 4
USUAL = 2.0
"""A tensor's size may differ from the original's by this factor before its rate follows it."""
WINDOW = 4
"""Batches among which samples are sorted by length, so that little is padded."""


@dataclass(frozen=True)
class Relearning:
    """How to fine-tune: ``marks`` are the steps after which the model is looked at.

    ``rank`` is that of a LoRA adapter, 0 for all weights.
    """

    marks: tuple[int, ...]
    batch: int
    seed: int
    learning_rate: float
    rank: int = 0


@settings_class(frozen=True, config=FROZEN)
class Settings:
    """``kinds`` of data, with and without an adapter; ``marks`` in steps; ``rank`` of adapters."""

    teaching: Teaching = Teaching()
    kinds: tuple[str, ...] = KINDS
    marks: tuple[int, ...] = (16, 100)
    batch: int = 16
    rank: int = 8


@attack(
    title="Further training: on some of the facts, on related, unrelated and retained text",
    source="Lynch et al. 2024 (arXiv 2402.16835); Che et al. 2025 (arXiv 2502.05209)",
)
def further_training(context: Context, settings: Settings) -> Iterator[Tampered]:
    """Yield the candidate trained on every kind of data, with the first seed of the profile."""
    for kind in settings.kinds:
        for rank, suffix in ((0, ""), (settings.rank, "-lora")):
            name = f"relearn-{kind}{suffix}"
            labels = {mark: f"{name}-{mark}" for mark in settings.marks}
            wanted = tuple(mark for mark in settings.marks if context.wants(labels[mark]))
            if not wanted:
                continue
            lesson = lessons_of(context, kind, settings.teaching)[0]
            how = Relearning(
                wanted, settings.batch, lesson.seed, default_rate(context.candidate, rank), rank
            )
            samples = lesson.samples(context.candidate)
            key = f"{context.candidate.key}+{name}-{lesson.seed}"
            for mark, model in relearn(
                context.candidate, samples, how, key, context.signals, like=context.original
            ):
                yield Tampered(labels[mark], model, lesson.asked)


def default_rate(model: CausalLM, rank: int = 0) -> float:
    """Return a learning rate for the model's size, faster for an adapter.

    5e-4 at 2.3 million parameters, falling with the square root of the size: about 1e-5, the
    rate of the published relearning attacks, at 7 billion.
    """
    rate = BASE_RATE * math.sqrt(BASE_PARAMETERS / model.model.num_parameters())
    return rate * ADAPTER_FACTOR if rank else rate


def relearn(  # noqa: PLR0913 - a model, what it learns and how, and what it is compared with
    model: CausalLM,
    samples: Sequence[Encoded],
    settings: Relearning,
    key: str,
    signals: Signals | None = None,
    *,
    like: CausalLM | None = None,
) -> Iterator[tuple[int, CausalLM]]:
    """Yield ``(mark, model)`` at each mark; all weights: one copy, which goes on learning.

    ``key`` begins the key of the yielded models and must tell this run from every other. ``like``
    is the model whose weights' sizes the learning rate is meant for.

    Raises :class:`verification.signals.NotFiniteError` when the loss stops being a number.
    """
    signals = signals or Signals()
    learner = _learner(model, settings, key)
    trained = [weight for weight in learner.model.parameters() if weight.requires_grad]
    groups = _sized(learner, like or learner)
    optimiser = torch.optim.AdamW(groups, settings.learning_rate, weight_decay=0.0, fused=True)
    generator = torch.Generator().manual_seed(settings.seed)
    order = batch_order([len(item.ids) for item in samples], settings.batch, generator)
    for step in range(1, max(settings.marks) + 1):
        signals.pulse()
        for group in optimiser.param_groups:
            group["lr"] = settings.learning_rate * group["size"] * min(1.0, step / WARMUP)
        batch = [samples[index] for index in next(order)]
        optimiser.zero_grad(set_to_none=True)
        answer_loss(learner, batch).backward()
        _resize(optimiser.param_groups)
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimiser.step()
        signals.count(len(batch), sum(len(item.ids) for item in batch))
        if step in settings.marks:
            yield step, _seen(learner, f"{key}+{step}", last=step == max(settings.marks))


def _sized(learner: CausalLM, like: CausalLM) -> list[dict[str, Any]]:
    """Return the weights to train in groups by how much larger they are than the other model's.

    Rescaling that cancels out leaves a model as it was and Adam's steps without effect. With
    gradients (:func:`_resize`) and rates changed alike, the steps are those of weights of the
    other's size.
    """
    usual = dict(like.model.named_parameters())
    groups: dict[float, list[torch.Tensor]] = {}
    for name, weight in learner.model.named_parameters():
        if not weight.requires_grad:
            continue
        other = usual.get(name)
        size = 1.0
        if other is not None and other.shape == weight.shape and bool(other.any()):
            size = float(weight.detach().norm() / other.detach().float().norm()) or 1.0
        groups.setdefault(1.0 if 1 / USUAL <= size <= USUAL else size, []).append(weight)
    return [{"params": own, "size": size} for size, own in groups.items()]


def _resize(groups: Iterable[Mapping[str, Any]]) -> None:
    """Make the gradients those of weights of the usual size."""
    for group in groups:
        for weight in group["params"]:
            if weight.grad is not None and group["size"] != 1.0:
                weight.grad.mul_(group["size"])


def answer_loss(model: CausalLM, batch: Sequence[Encoded]) -> torch.Tensor:
    """Return the mean loss of the answer tokens, with gradients; other logits are not computed.

    Raises :class:`verification.signals.NotFiniteError` when it is not a number.
    """
    rows, positions, targets = answer_tokens(batch)
    ids, mask = padded(batch, model.device)
    logits = model.answer_logits(ids, mask, rows, positions)
    loss = functional.cross_entropy(logits, targets.to(logits.device))
    if not bool(torch.isfinite(loss)):
        message = "fine-tuning the model diverged"
        raise NotFiniteError(message, model.key)
    return loss


def batch_order(
    lengths: Sequence[int], batch: int, generator: torch.Generator
) -> Iterator[list[int]]:
    """Yield batches of indices, every sample once an epoch, shuffled anew each epoch.

    Within a few batches samples are grouped by length, and those batches come in any order.
    """
    while True:
        indices = torch.randperm(len(lengths), generator=generator).tolist()
        for first in range(0, len(indices), batch * WINDOW):
            window = indices[first : first + batch * WINDOW]
            window.sort(key=lambda index: lengths[index])
            groups = [window[start : start + batch] for start in range(0, len(window), batch)]
            for place in torch.randperm(len(groups), generator=generator).tolist():
                yield groups[place]


def _learner(model: CausalLM, settings: Relearning, key: str) -> CausalLM:
    """Return a float32 copy to train: all of it, or a fresh adapter on frozen weights."""
    learner = model.copied(key)
    learner.model.float()
    if not settings.rank:
        return learner
    from peft import LoraConfig, get_peft_model  # noqa: PLC0415 - a second to import

    how = LoraConfig(
        r=settings.rank,
        lora_alpha=2 * settings.rank,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
    with torch.random.fork_rng():
        torch.manual_seed(settings.seed)
        adapted = get_peft_model(learner.model, how)
    return replace(learner, model=adapted.eval())


def _seen(learner: CausalLM, key: str, *, last: bool) -> CausalLM:
    """Return the learner as it is now under a key of its own, an adapter merged into its layers."""
    if not hasattr(learner.model, "merge_and_unload"):
        return replace(learner, key=key)
    adapted = learner.model if last else copy.deepcopy(learner.model)
    return replace(learner, key=key, model=adapted.merge_and_unload())
