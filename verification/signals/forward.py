"""One forward pass of a batch, and what is read off it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from verification.families.causal_lm import CausalLM, Encoded

FLOATS_PER_BATCH = 48_000_000
"""Logits held at once: answer tokens x vocabulary."""
TOKENS_PER_BATCH = 8192
ROWS_PER_BATCH = 64


class NotFiniteError(Exception):
    """A model answered with NaN or infinities: nothing can be read off it.

    ``key`` is that of the model, where it is known.
    """

    def __init__(self, message: str, key: str | None = None) -> None:
        super().__init__(message)
        self.key = key


@dataclass(frozen=True)
class Signal:
    """What one forward pass says about one answer; arrays over its tokens, in order (nats)."""

    log_probs: NDArray[np.float64]
    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    hits: NDArray[np.bool_]
    answer: str
    uniform: float

    @property
    def bounded(self) -> float:
        """Return the mean log-probability, no token counted as less likely than a blind guess.

        ``uniform`` is the log-probability of a guess among the whole vocabulary. Below it a model
        is confidently wrong; by how much says nothing about memory and is most of the noise.
        """
        return float(np.maximum(self.log_probs, self.uniform).mean())


def batches(encoded: Sequence[Encoded], vocabulary: int) -> Iterator[list[int]]:
    """Yield indices of samples of like length together, as many as fit the memory bounds.

    The bounds hold for :meth:`CausalLM.answer_logits`, not for the logits of whole prompts.
    """
    batch: list[int] = []
    answers = 0
    for index in sorted(range(len(encoded)), key=lambda place: len(encoded[place].ids)):
        length, own = len(encoded[index].ids), len(encoded[index].answer)
        full = (
            len(batch) >= ROWS_PER_BATCH
            or (len(batch) + 1) * length > TOKENS_PER_BATCH
            or (answers + own) * vocabulary > FLOATS_PER_BATCH
        )
        if batch and full:
            yield batch
            batch, answers = [], 0
        batch.append(index)
        answers += own
    if batch:
        yield batch


def padded(batch: Sequence[Encoded], device: torch.device) -> tuple[Tensor, Tensor]:
    """Return ids and attention mask [rows, length], padded on the right."""
    width = max(len(item.ids) for item in batch)
    ids = torch.tensor([item.ids + (0,) * (width - len(item.ids)) for item in batch])
    lengths = torch.tensor([len(item.ids) for item in batch])
    mask = (torch.arange(width) < lengths[:, None]).long()
    return ids.to(device), mask.to(device)


def answer_tokens(batch: Sequence[Encoded]) -> tuple[Tensor, Tensor, Tensor]:
    """Return, flat over answer tokens: row, position whose logits predict it, and its id."""
    places = [
        (row, place - 1, item.ids[place])
        for row, item in enumerate(batch)
        for place in range(item.start, len(item.ids))
    ]
    rows, positions, targets = torch.tensor(places).T
    return rows, positions, targets


def forward(model: CausalLM, batch: Sequence[Encoded], answers: Sequence[str]) -> list[Signal]:
    """Return the signal of each sample; log-probabilities are taken in float32.

    Raises :class:`NotFiniteError` when the model's logits are not finite numbers.
    """
    rows, positions, targets = answer_tokens(batch)
    with torch.inference_mode():
        logits = model.answer_logits(*padded(batch, model.device), rows, positions)
    if not bool(torch.isfinite(logits).all()):
        message = "the model's logits are not finite numbers"
        raise NotFiniteError(message, model.key)
    own, mean, deviation, hits = _read(logits, targets.to(logits.device))
    counts = [len(item.ids) - item.start for item in batch]
    uniform = -math.log(logits.shape[-1])
    return [
        Signal(a.numpy(), b.numpy(), c.numpy(), d.numpy(), answer, uniform)
        for a, b, c, d, answer in zip(
            *(tensor.split(counts) for tensor in (own, mean, deviation, hits)), answers, strict=True
        )
    ]


def _read(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return, by token: log-probability, its expectation and deviation, and whether it leads."""
    log_probs = torch.log_softmax(logits, dim=-1)
    probs = log_probs.exp()
    mean = (probs * log_probs).sum(-1)
    # Around the mean: the difference of two large squares would lose half the digits. A vocabulary
    # entry at -inf would make 0 * inf; finite logits keep log_probs finite.
    deviation = (probs * (log_probs - mean[:, None]).square()).sum(-1).sqrt()
    own = log_probs.gather(-1, targets[:, None])[:, 0]
    hits = log_probs.argmax(-1) == targets
    return own.double().cpu(), mean.double().cpu(), deviation.double().cpu(), hits.cpu()
