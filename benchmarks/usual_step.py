"""A training step as public code usually takes it: the rival of :mod:`benchmarks.training`.

A deep copy of the model stays resident as reference and runs at every step, each group of records
has a forward pass of its own, batches are padded, logits of the whole vocabulary are computed on
every position (prompt and padding included), and RMU runs every layer of the model three times for
the states behind an early one.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from unlearning.data import Sample, collate
from unlearning.losses.states import steering_direction
from unlearning.losses.tokens import log_rest
from unlearning.methods.rmu import steered_layer
from unlearning.objective import FORGET, RETAIN
from unlearning.objectives import WANTED

BETA, COEFFICIENT, ALPHA, TOP = 0.1, 6.5, 100.0, 64
UNTOLD = -100
"""The label of a position without loss, by the convention of torch."""
Groups = Mapping[str, Sequence[Sample]]


class Naive:
    """The usual way: a resident reference, a pass for each group, everything computed whole."""

    def __init__(self, case: str, model: Any, groups: Groups, device: torch.device) -> None:
        self._case, self._model, self._groups = case, model, groups
        self._device = device
        self._reference = copy.deepcopy(model).eval().requires_grad_(requires_grad=False)
        layers, width = model.config.num_hidden_layers, model.config.hidden_size
        self._layer = steered_layer(None, layers)
        self._direction = steering_direction(width, 0).to(device)

    def __call__(self) -> Tensor:
        """Return the loss of a step."""
        if self._case == "rmu":
            return self._misdirection()
        if self._case == "kl":
            away = -self._mean_nll(FORGET)
            return away + self._divergence(RETAIN)
        keep = self._mean_nll(RETAIN)
        gap = self._sums(self._model, FORGET) - self._before(FORGET)
        if self._case == "dpo":
            gap = gap - (self._sums(self._model, WANTED) - self._before(WANTED))
        return -(2 / BETA) * functional.logsigmoid(BETA * gap).mean() + keep

    def _batch(self, group: str) -> tuple[Tensor, Tensor, Tensor]:
        rows = self._groups[group]
        batch = collate(rows, self._device)
        mask, labels = torch.zeros_like(batch.ids), torch.full_like(batch.ids, UNTOLD)
        for index, row in enumerate(rows):
            mask[index, : len(row.ids)] = 1
            labels[index, row.start : len(row.ids)] = batch.ids[index, row.start : len(row.ids)]
        return batch.ids, mask, labels[:, 1:].contiguous()

    def _tokens(self, model: Any, group: str) -> tuple[Tensor, Tensor]:
        ids, mask, labels = self._batch(group)
        logits = model(input_ids=ids, attention_mask=mask, use_cache=False).logits
        shifted = logits[:, :-1].contiguous().transpose(1, 2).float()
        return functional.cross_entropy(shifted, labels, reduction="none"), labels != UNTOLD

    def _sums(self, model: Any, group: str) -> Tensor:
        return self._tokens(model, group)[0].sum(-1)

    def _mean_nll(self, group: str) -> Tensor:
        tokens, mask = self._tokens(self._model, group)
        return tokens.sum() / mask.sum()

    @torch.no_grad()
    def _before(self, group: str) -> Tensor:
        return self._sums(self._reference, group)

    def _divergence(self, group: str) -> Tensor:
        ids, mask, labels = self._batch(group)
        both = {"input_ids": ids, "attention_mask": mask, "use_cache": False}
        with torch.no_grad():
            before = self._reference(**both).logits[:, :-1].float().log_softmax(-1)
        now = self._model(**both).logits[:, :-1].float().log_softmax(-1)
        told = labels != UNTOLD
        true, before, now = labels[told][:, None], before[told], now[told]
        kept = before.topk(TOP, dim=-1).indices
        absent = ~(kept == true).any(-1)
        kept[absent, -1] = true[absent, 0]
        before, now = before.gather(-1, kept), now.gather(-1, kept)
        rest, rest_now = log_rest(before), log_rest(now)
        inside = (before.exp() * (before - now)).sum(-1)
        return (inside + rest.exp() * (rest - rest_now)).mean()

    def _states(self, model: Any, group: str) -> Tensor:
        ids, mask, labels = self._batch(group)
        found = model(
            input_ids=ids, attention_mask=mask, use_cache=False, output_hidden_states=True
        )
        states: Tensor = found.hidden_states[self._layer + 1][:, :-1][labels != UNTOLD]
        return states.float()

    def _misdirection(self) -> Tensor:
        aim = COEFFICIENT * self._direction
        away = (self._states(self._model, FORGET) - aim).square().mean(-1).mean()
        with torch.no_grad():
            before = self._states(self._reference, RETAIN)
        keep = (self._states(self._model, RETAIN) - before).square().mean(-1).mean()
        return away + ALPHA * keep
