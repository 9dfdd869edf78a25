"""The guard against collapse: a model that stammers or has lost what it should keep is no result.

Gradient ascent and its kin are unbounded: pushed too far, a model repeats one token for ever, or no
longer knows the retained records. Every few steps the guard continues some retained prompts
greedily and measures how much of the text repeats itself, and how surprising the retained answers
have become. Out of bounds, the run ends with a reason instead of a ruined model.

The calibrated stop (:mod:`unlearning.stopping`) usually ends a run long before; this guard is also
there where no calibration records are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import pairwise
from statistics import fmean
from typing import Any

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass

from contract.record import FROZEN
from contract.result import ErrorCode, JobError
from unlearning.data import Sample
from unlearning.engine import within
from unlearning.reference import mean_nll

PROMPTS, ANSWERS, TOKENS = 4, 16, 24


@dataclass(frozen=True, config=FROZEN)
class GuardSettings:
    """When to look and what is out of bounds, against the model before unlearning.

    ``every``: steps between looks (0: never). ``repetition``: by how much the share of greedy text
    that repeats itself may rise. ``nats``: by how many nats a token retained answers may become
    more surprising.
    """

    every: int = Field(default=20, ge=0)
    repetition: float = Field(default=0.5, gt=0, le=1)
    nats: float = Field(default=4.0, gt=0)


class CollapseGuard:
    """A :class:`unlearning.engine.phase.Stateful` that raises ``DIVERGED`` at a collapse."""

    def __init__(
        self, model: Any, retain: Sequence[Sample], settings: GuardSettings, device: torch.device
    ) -> None:
        self._model, self._settings, self._device = model, settings, device
        stride = max(1, len(retain) // ANSWERS)
        self._answers = list(retain[::stride])[:ANSWERS]
        self._before: tuple[float, float] | None = None

    def before(self) -> None:
        """Look at the model before unlearning; what comes later is compared with this."""
        self._before = self._before or self.look()

    def after(self, step: int) -> None:
        """Look when it is time; raises ``DIVERGED`` with what is out of bounds."""
        every = self._settings.every
        if not every or step % every or self._before is None:
            return
        now = self.look()
        for value, first, most, what in zip(
            now,
            self._before,
            (self._settings.repetition, self._settings.nats),
            ("its text repeats itself", "it no longer knows the retained records"),
            strict=True,
        ):
            if not value - first <= most:
                message = (
                    f"the model collapsed by step {step}: {what} ({first:.2f} before, {value:.2f} "
                    "now); use a smaller learning rate, fewer steps or a stronger retain term"
                )
                raise JobError(ErrorCode.DIVERGED, message)

    def look(self) -> tuple[float, float]:
        """Return the share of greedy text that repeats itself, and the retained NLL a token."""
        training = self._model.training
        self._model.eval()  # recomputed activations, a thing of training, keep no cache of keys
        try:
            texts = [self._continued(sample) for sample in self._answers[:PROMPTS]]
            surprise = fmean(mean_nll(self._model, self._answers, self._device))
        finally:
            self._model.train(training)
        return fmean(map(repetition, texts)), surprise

    def state(self) -> dict[str, Any]:
        """Return the look before unlearning."""
        return {"before": list(self._before) if self._before else None}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take the look before unlearning back."""
        before = state["before"]
        self._before = (before[0], before[1]) if before else None

    @torch.inference_mode()
    def _continued(self, sample: Sample) -> list[int]:
        """Return the likeliest continuation of a prompt, up to the end token."""
        prompt = torch.tensor([sample.ids[: sample.start]], device=self._device)
        end = self._model.config.eos_token_id
        ends = set(end) if isinstance(end, list) else {end}
        found: list[int] = []
        cache: Any = None
        for _ in range(TOKENS):
            asked = partial(self._model, prompt, past_key_values=cache, use_cache=True)
            told: Any = within(self._model, asked)
            cache, token = told.past_key_values, int(told.logits[0, -1].argmax())
            if token in ends:
                break
            found.append(token)
            prompt = torch.tensor([[token]], device=self._device)
        return found


def repetition(tokens: Sequence[int]) -> float:
    """Return the share of neighbouring pairs of tokens that stood in the text before, in [0, 1]."""
    pairs = list(pairwise(tokens))
    return 1 - len(set(pairs)) / len(pairs) if pairs else 0.0
