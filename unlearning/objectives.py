"""Objectives that more than one method trains by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from unlearning.data import Sample
from unlearning.losses.rows import dpo
from unlearning.objective import FORGET, Answers, Objective, Texts, TokenObjective
from unlearning.reference import LogProbs, Need

WANTED = "wanted"
"""The group of answers that are to take the place of those to be forgotten."""


class Ascent(TokenObjective):
    """Gradient ascent: minus the NLL of the tokens to be forgotten, weighted or not."""

    def tokens(self, answers: Answers) -> Tensor:
        """Return ``log p``, [tokens]."""
        return -answers.nll


class Preference(Objective):
    """Prefer other answers to those to be forgotten, relative to the model before (DPO)."""

    groups = (FORGET, WANTED)

    def __init__(self, beta: float) -> None:
        self._beta = beta

    def needs(self, group: str) -> Sequence[Need]:
        """Return the likelihoods of both answers."""
        return (LogProbs(),) if group in self.groups else ()

    def riders(self, texts: Texts) -> Mapping[str, Sequence[Sequence[Sample]]]:
        """Return the wanted answers of each forget sample."""
        return {WANTED: self.wanted(texts)}

    def wanted(self, texts: Texts) -> Sequence[Sequence[Sample]]:
        """Return, for each forget sample, the answers that may take its place."""
        raise NotImplementedError

    def forget(self, seen: Mapping[str, Answers]) -> Tensor:
        """Return the mean over pairs."""
        wanted, unwanted = seen[WANTED], seen[FORGET]
        rows = dpo(
            wanted.sums, wanted.sums_before, unwanted.sums, unwanted.sums_before, beta=self._beta
        )
        return unwanted.over_rows(rows)
