"""Fine-tune a copy of the model on given records and look at it after given numbers of steps.

Unlearning that only moves a model away from what it knows is undone by a few steps of
fine-tuning, on part of the forgotten data or on unrelated data (Lynch et al., arXiv 2402.16835;
Hu et al., arXiv 2406.13356; Che et al., arXiv 2502.05209). Knowledge that is not there cannot
come back: the facts that the attack did not train on stay as unlikely as a stranger's.

AdamW, constant rate, a short warm-up, loss on answer tokens. The order of samples depends on the
seed alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch.nn import functional

from verification.families.causal_lm import CausalLM, Encoded
from verification.signals import NotFiniteError, answer_tokens, padded

BASE_RATE = 5e-4
BASE_PARAMETERS = 2.3e6
WARMUP = 4


@dataclass(frozen=True)
class Relearning:
    """How to fine-tune: ``marks`` are the steps after which the model is looked at."""

    marks: tuple[int, ...]
    batch: int
    seed: int
    learning_rate: float


def default_rate(model: CausalLM) -> float:
    """Return a learning rate for the model's size.

    5e-4 at 2.3 million parameters, falling with the square root of the size: about 1e-5, the
    rate of the published relearning attacks, at 7 billion.
    """
    return BASE_RATE * math.sqrt(BASE_PARAMETERS / model.model.num_parameters())


def relearn(
    model: CausalLM,
    samples: Sequence[Encoded],
    settings: Relearning,
    key: str,
    pulse: Callable[[], None] = lambda: None,
) -> Iterator[tuple[int, CausalLM]]:
    """Yield ``(mark, model)`` at each mark; it is one copy that goes on learning between them.

    ``key`` begins the key of the yielded models and must tell this run from every other.

    Raises :class:`verification.signals.NotFiniteError` when the loss stops being a number.
    """
    copy = model.copied(key)
    optimiser = torch.optim.AdamW(
        copy.model.parameters(), lr=settings.learning_rate, weight_decay=0.0
    )
    generator = torch.Generator().manual_seed(settings.seed)
    order = _order(len(samples), settings.batch, generator)
    for step in range(1, max(settings.marks) + 1):
        pulse()
        for group in optimiser.param_groups:
            group["lr"] = settings.learning_rate * min(1.0, step / WARMUP)
        _step(copy, [samples[index] for index in next(order)], optimiser)
        if step in settings.marks:
            yield step, replace(copy, key=f"{key}+{step}")


def _step(model: CausalLM, batch: Sequence[Encoded], optimiser: torch.optim.Optimizer) -> None:
    rows, positions, targets = answer_tokens(batch)
    logits = model.logits(*padded(batch, model.device))[rows, positions].float()
    loss = functional.cross_entropy(logits, targets.to(logits.device))
    if not bool(torch.isfinite(loss)):
        message = "fine-tuning the model diverged"
        raise NotFiniteError(message)
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.model.parameters(), 1.0)
    optimiser.step()


def _order(samples: int, batch: int, generator: torch.Generator) -> Iterator[list[int]]:
    """Yield batches of indices, every sample once an epoch, shuffled anew each epoch."""
    while True:
        indices = torch.randperm(samples, generator=generator).tolist()
        for first in range(0, samples, batch):
            yield indices[first : first + batch]
