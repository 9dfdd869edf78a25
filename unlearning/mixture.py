"""The loss that every gradient method shares, around its own term.

:class:`ForgetSettings` are the settings, :class:`Mixture` is the loss of given samples: one packed
forward pass over the groups that an objective reads and the retained records, the two terms, and
their balance. The phase around it is :mod:`unlearning.forgetting`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from itertools import chain
from typing import Any

from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from contract.record import FROZEN
from unlearning.balance import ConstraintSettings, balance_of
from unlearning.collapse import GuardSettings
from unlearning.data import Sample, collate
from unlearning.engine import WHOLE, EngineSettings, Piece
from unlearning.losses.forward import head_of
from unlearning.objective import (
    FORGET,
    RETAIN,
    Answers,
    Objective,
    RetainObjective,
    RetainTerm,
    Terms,
)
from unlearning.reference import Need, ReferenceCache
from unlearning.selectors import All, Selector
from unlearning.stopping import StopSettings
from unlearning.wrappers import Wrap


@dataclass(frozen=True, config=FROZEN)
class ForgetSettings:
    """Settings that all gradient methods share.

    The loss is ``forget_weight`` * the method's term + ``retain_weight`` * the retain term;
    ``constraint`` replaces the second weight by a dual variable. ``retain_term``: ``nll`` trains on
    the retained answers, ``kl`` keeps near the model before unlearning (over its ``top`` likeliest
    tokens), ``none`` needs no retained records. ``steps`` is an upper bound when calibration
    records are given, else the number of steps. Batches count forms of records. ``ceiling`` leaves
    an answer alone while it costs more than that many times what calibration answers of its form
    did before. ``select`` says which weights train, ``wrap`` where their gradient is taken,
    ``engine`` how a step is computed, ``guard`` when the model counts as ruined.
    """

    forget_weight: float = Field(default=1.0, gt=0)
    retain_weight: float = Field(default=1.0, ge=0)
    retain_term: RetainTerm = "nll"
    constraint: ConstraintSettings | None = None
    top: int = Field(default=64, ge=1)
    learning_rate: float = Field(default=1e-4, gt=0)
    steps: int = Field(default=300, ge=1)
    warmup: int = Field(default=5, ge=0)
    forget_batch: int = Field(default=8, ge=1)
    retain_batch: int = Field(default=24, ge=1)
    ceiling: float | None = Field(default=None, gt=0)
    stop: StopSettings = field(default_factory=StopSettings)
    select: Selector = field(default_factory=All)
    wrap: tuple[Wrap, ...] = ()
    engine: EngineSettings = field(default_factory=EngineSettings)
    guard: GuardSettings = field(default_factory=GuardSettings)


class Mixture:
    """The loss of given samples: an objective, a retain term, and the balance of the two.

    ``levels`` say, by form, from how many nats a token on a forget answer is left alone.
    """

    def __init__(
        self,
        objective: Objective,
        settings: ForgetSettings,
        levels: Mapping[str, float] | None = None,
    ) -> None:
        self.objective = objective
        self._levels = levels
        self.keep = RetainObjective(settings.retain_term, settings.top)
        self.balance = balance_of(settings.retain_weight, settings.constraint)
        self._weight = settings.forget_weight

    def terms(
        self,
        model: Any,
        groups: Mapping[str, Sequence[Sample]],
        cache: ReferenceCache,
        piece: Piece = WHOLE,
    ) -> Terms:
        """Return the weighted terms of a step, whose sum is its loss, from one forward pass.

        ``groups`` hold the samples of the whole step; ``piece`` says which of them are computed,
        and perhaps one term only.
        """
        wanted = [] if piece.only == RETAIN else [*self.objective.groups]
        if groups.get(RETAIN) and piece.only != FORGET:
            wanted.append(RETAIN)
        parts = {name: tuple(piece.of(groups[name])) for name in wanted}
        terms: dict[str, Tensor] = {}
        if RETAIN in parts:  # by every process, that of an empty piece too
            self.balance.see((piece.index, piece.count), next(model.parameters()).new_zeros(()))
        if not any(parts.values()):
            return terms
        seen = self._seen(model, parts, groups, cache)
        if piece.only != RETAIN and parts[self.objective.groups[0]]:
            terms[FORGET] = self._weight * self.objective.forget(seen)
        if parts.get(RETAIN):
            keep = self.objective.retain if self.objective.retains else self.keep
            kept = keep(seen[RETAIN])
            self.balance.see((piece.index, piece.count), kept)
            terms[RETAIN] = self.balance.weight * kept
        return terms

    def needs(self, group: str) -> Sequence[Need]:
        """Return what of the model before unlearning is read for the samples of a group."""
        own = self.objective.needs(group)
        if group == RETAIN and not self.objective.retains:
            return (*own, *self.keep.needs())
        return own

    def _seen(
        self,
        model: Any,
        parts: Mapping[str, tuple[Sample, ...]],
        groups: Mapping[str, Sequence[Sample]],
        cache: ReferenceCache,
    ) -> dict[str, Answers]:
        batch = collate([*chain.from_iterable(parts.values())], next(model.parameters()).device)
        found, head = self.objective.states(model, batch), head_of(model)
        states, side = found if isinstance(found, tuple) else (found, None)
        seen, row, token = {}, 0, 0
        for name, samples in parts.items():
            some = slice(token, token + sum(sample.answer_length for sample in samples))
            seen[name] = Answers(
                states=states[some],
                side=None if side is None else side[some],
                levels=self._levels if name == FORGET else None,
                head=head,
                targets=batch.targets[some],
                rows=batch.rows[some] - row,
                lengths=batch.lengths[row : row + len(samples)],
                samples=samples,
                cache=cache,
                total_rows=len(groups[name]),
                total_tokens=sum(sample.answer_length for sample in groups[name]),
            )
            row, token = row + len(samples), some.stop
        return seen
