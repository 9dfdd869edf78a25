"""The only place that asks a model anything; every check reads what is kept here.

One forward pass of prompt + answer yields, for each answer token, the log-probability of the
true token, mean and standard deviation of the log-probability under the model's own
distribution, and whether the true token was the most likely one. Loss, zlib, Min-K, Min-K++,
exact memorisation and extraction strength are all pure functions of those four arrays.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from contract.record import Form, Record
from verification.families.causal_lm import CausalLM, Encoded

FLOATS_PER_BATCH = 48_000_000
"""Logits held at once: rows x length x vocabulary."""
ROWS_PER_BATCH = 64
NEW_TOKENS = 24

Probe = tuple[str, str]
"""A record's id and the name of one of its forms."""


class NotFiniteError(Exception):
    """A model answered with NaN or infinities: nothing can be read off it."""


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


class Signals:
    """Asks each model each question once and keeps the answer, for any number of checks."""

    def __init__(self, pulse: Callable[[], None] = lambda: None) -> None:
        """Start empty; ``pulse`` is called before every batch (to notice a cancellation)."""
        self.pulse = pulse
        self._scores: dict[tuple[str, Probe], Signal] = {}
        self._texts: dict[tuple[str, Probe], str] = {}
        self.forward_passes = 0
        self.tokens = 0

    def scores(
        self, model: CausalLM, records: Iterable[Record], forms: Sequence[str]
    ) -> dict[Probe, Signal]:
        """Return the signal of every given form that the records have.

        Raises :class:`NotFiniteError` when the model's logits are not finite numbers.
        """
        asked = dict(_probes(records, forms))
        missing = [probe for probe in asked if (model.key, probe) not in self._scores]
        encoded = {probe: model.encode(asked[probe]) for probe in missing}
        for batch in _batches(encoded, model.model.config.vocab_size):
            self.pulse()
            signals = _forward(model, [encoded[probe] for probe in batch])
            uniform = -math.log(model.model.config.vocab_size)
            self.forward_passes += len(batch)
            self.tokens += sum(len(encoded[probe].ids) for probe in batch)
            for probe, (log_probs, mean, deviation, hits) in zip(batch, signals, strict=True):
                signal = Signal(log_probs, mean, deviation, hits, asked[probe].answer, uniform)
                self._scores[model.key, probe] = signal
        return {probe: self._scores[model.key, probe] for probe in asked}

    def texts(
        self, model: CausalLM, records: Iterable[Record], forms: Sequence[str]
    ) -> dict[Probe, str]:
        """Return the greedy continuation of every prompt, at most ``NEW_TOKENS`` tokens long.

        Counted as one forward pass a prompt: with cached keys, that is what it computes.
        """
        asked = dict(_probes(records, forms))
        missing = [probe for probe in asked if (model.key, probe) not in self._texts]
        prompts = {probe: model.encode(asked[probe]) for probe in missing}
        missing.sort(key=lambda probe: prompts[probe].start)
        for first in range(0, len(missing), ROWS_PER_BATCH):
            self.pulse()
            batch = missing[first : first + ROWS_PER_BATCH]
            heads = [prompts[probe].ids[: prompts[probe].start] for probe in batch]
            self.forward_passes += len(batch)
            self.tokens += sum(map(len, heads))
            for probe, text in zip(batch, model.generate(heads, NEW_TOKENS), strict=True):
                self._texts[model.key, probe] = text
        return {probe: self._texts[model.key, probe] for probe in asked}

    def attribution(
        self, model: CausalLM, records: Sequence[Record], forms: Sequence[str]
    ) -> dict[str, NDArray[np.float64]]:
        """Return, by value matrix, how much each unit's vector carries of the answers' log-odds.

        One backward pass: the first-order estimate ``w . d(log-odds)/dw`` of what setting the
        vector ``w`` to zero would take away, mean over answer tokens. Log-odds of the true token
        are used because the probability of a memorised one is flat at 1.
        """
        asked = dict(_probes(records, forms))
        encoded = {probe: model.encode(form) for probe, form in asked.items()}
        matrices = model.value_matrices()
        model.model.zero_grad(set_to_none=True)
        tokens = sum(len(item.answer) for item in encoded.values())
        for batch in _batches(encoded, model.model.config.vocab_size):
            self.pulse()
            self.forward_passes += len(batch)
            self.tokens += sum(len(encoded[probe].ids) for probe in batch)
            rows = [encoded[probe] for probe in batch]
            (_log_odds(model, rows).sum() / tokens).backward()
        gradients = {
            name: parameter.grad
            for name, parameter in model.model.named_parameters()
            if name in matrices and parameter.grad is not None
        }
        found = {}
        for name, gradient in gradients.items():
            oriented = gradient if gradient.shape == matrices[name].shape else gradient.T
            found[name] = (matrices[name] * oriented).sum(1).detach().double().cpu().numpy()
        model.model.zero_grad(set_to_none=True)
        return found

    def drop(self, model: CausalLM) -> None:
        """Forget what a model said that will not be asked again (an attacked copy)."""
        self._scores = {key: item for key, item in self._scores.items() if key[0] != model.key}


def _probes(records: Iterable[Record], forms: Sequence[str]) -> Iterator[tuple[Probe, Form]]:
    for record in records:
        for name in forms:
            if name in record.forms:
                yield (record.id, name), record.forms[name]


def _batches(encoded: dict[Probe, Encoded], vocabulary: int) -> Iterator[list[Probe]]:
    """Yield probes of like length together, as many as fit the memory bound."""
    batch: list[Probe] = []
    for probe in sorted(encoded, key=lambda item: len(encoded[item].ids)):
        length = len(encoded[probe].ids)
        full = (len(batch) + 1) * length * vocabulary > FLOATS_PER_BATCH
        if batch and (full or len(batch) >= ROWS_PER_BATCH):
            yield batch
            batch = []
        batch.append(probe)
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


def _log_odds(model: CausalLM, batch: Sequence[Encoded]) -> Tensor:
    """Return the log-odds of each true answer token, with gradients."""
    rows, positions, targets = answer_tokens(batch)
    logits = model.logits(*padded(batch, model.device))[rows, positions].float()
    own = torch.nn.functional.one_hot(targets.to(logits.device), logits.shape[-1]).bool()
    return logits[own] - logits.masked_fill(own, -torch.inf).logsumexp(-1)


Arrays = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]


def _forward(model: CausalLM, batch: Sequence[Encoded]) -> list[Arrays]:
    rows, positions, targets = answer_tokens(batch)
    with torch.inference_mode():
        logits = model.logits(*padded(batch, model.device))[rows, positions].float().cpu()
    if not bool(torch.isfinite(logits).all()):
        message = "the model's logits are not finite numbers"
        raise NotFiniteError(message)
    log_probs = torch.log_softmax(logits, dim=-1)
    probs = log_probs.exp()
    mean = (probs * log_probs).sum(-1)
    # A vocabulary entry at -inf would make 0 * inf; finite logits keep log_probs finite.
    deviation = ((probs * log_probs.square()).sum(-1) - mean.square()).clamp_min(0).sqrt()
    own = log_probs.gather(-1, targets[:, None])[:, 0]
    hits = log_probs.argmax(-1) == targets
    counts = [len(item.ids) - item.start for item in batch]
    parts = [
        [piece.numpy().astype(kind) for piece in tensor.split(counts)]
        for tensor, kind in ((own, np.float64), (mean, np.float64), (deviation, np.float64))
    ]
    return list(zip(*parts, [piece.numpy() for piece in hits.split(counts)], strict=True))
