"""What a gradient method is made of: an objective over the answers of one forward pass.

A step of the shared phase (:mod:`unlearning.forgetting`) is one packed forward pass over several
*groups* of samples: ``forget``, ``retain``, and whatever rides along (refusals, alternatives). An
:class:`Objective` names the groups it reads and what it needs of the model before unlearning, and
turns what the pass said of each group (:class:`Answers`) into a loss. It computes no mean of its
own: :meth:`Answers.over_rows` and :meth:`Answers.over_tokens` divide by the counts of the whole
step, so that a step cut into pieces adds up to the same loss.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor

from contract.record import Form, Record
from unlearning.data import Batch, Sample, encode_text
from unlearning.losses.forward import Head, answer_states, in_pieces
from unlearning.losses.tokens import distillation, token_nll
from unlearning.reference import Hidden, Need, ReferenceCache, Top
from unlearning.selectors.settings import Selector
from unlearning.spec import Context

FORGET, RETAIN = "forget", "retain"
RetainTerm = Literal["nll", "kl", "none"]
Terms: TypeAlias = Mapping[str, Tensor]


@dataclass(frozen=True)
class Texts:
    """What an objective may make further texts from, before the phase begins."""

    context: Context
    model: Any
    tokenizer: Any
    records: Mapping[str, Record]
    forget: Sequence[Sample]

    def record_form(self, sample: Sample) -> Form:
        """Return the text of a forget sample."""
        return self.records[sample.record].forms[sample.form]

    def answered(self, sample: Sample, answer: str) -> Sample:
        """Return the sample with another answer to the same prompt."""
        form = self.record_form(sample)
        blank = " " if form.answer.startswith(" ") else ""
        other = Form(form.prompt, blank + answer.strip())
        return encode_text(self.tokenizer, sample.record, sample.form, other)


@dataclass(frozen=True, eq=False)
class Answers:
    """What one forward pass says of the answer tokens of one group of rows.

    ``states`` [tokens, width] are the hidden states that ``head`` turns into logits; ``targets``
    and ``rows`` [tokens] are the true tokens and their rows, ``lengths`` [rows] the answer tokens
    of each. ``total_rows`` and ``total_tokens`` count the whole step, of which this may be a
    piece. ``side`` [tokens, k] is what else the objective read off the pass. A row whose NLL a
    token is above the level of its form (``levels``) counts as zero in both means.
    """

    states: Tensor
    head: Head
    targets: Tensor
    rows: Tensor
    lengths: Tensor
    samples: tuple[Sample, ...]
    cache: ReferenceCache
    total_rows: int
    total_tokens: int
    side: Tensor | None = None
    levels: Mapping[str, float] | None = None

    @cached_property
    def logits(self) -> Tensor:
        """Return all logits at once, [tokens, vocabulary]; prefer :meth:`each`."""
        return self.head(self.states)

    @cached_property
    def nll(self) -> Tensor:
        """Return ``-log p(target)``, [tokens], in nats."""
        return self.each(token_nll)

    @cached_property
    def sums(self) -> Tensor:
        """Return the NLL of whole answers, [rows], in nats."""
        return self.per_row(self.nll)

    def each(self, function: Callable[..., Tensor], *more: Tensor) -> Tensor:
        """Return ``function(logits, targets, *more)``, [tokens], with few logits in memory."""
        if "logits" in self.__dict__:
            return function(self.logits, self.targets, *more)
        return in_pieces(self.head, self.states, function, self.targets, *more)

    def per_row(self, tokens: Tensor) -> Tensor:
        """Return the sums over each row's answer tokens, [rows]."""
        return tokens.new_zeros(len(self.lengths)).index_add(0, self.rows, tokens)

    @property
    def first(self) -> Tensor:
        """Return which tokens begin an answer, [tokens]."""
        return torch.cat([self.rows.new_ones(1), self.rows.diff()]).bool()

    def over_rows(self, values: Tensor) -> Tensor:
        """Return this piece's part of the mean over the rows of the step."""
        if self.levels is not None:
            values = values * self._pushed
        return values.sum() / self.total_rows

    def over_tokens(self, values: Tensor) -> Tensor:
        """Return this piece's part of the mean over the answer tokens of the step."""
        if self.levels is not None:
            values = values * self._pushed[self.rows]
        return values.sum() / self.total_tokens

    @cached_property
    def _pushed(self) -> Tensor:
        """Return 1 for the rows that are below their level, else 0, [rows]."""
        known = self.levels or {}
        levels = [known.get(sample.form, math.inf) for sample in self.samples]
        costs = self.sums.detach() / self.lengths
        return (costs < costs.new_tensor(levels)).to(costs.dtype)

    @cached_property
    def sums_before(self) -> Tensor:
        """Return ``sums`` under the model before unlearning (needs ``LogProbs``)."""
        return self.cache.at(self.samples, self.states.device)

    def top_before(self, need: Top) -> tuple[Tensor, Tensor]:
        """Return the likeliest tokens before unlearning and their log-probabilities."""
        return self.cache.top(self.samples, need, self.states.device)

    def states_before(self, need: Hidden) -> Tensor:
        """Return the states behind a layer before unlearning, [tokens, width]."""
        return self.cache.hidden(self.samples, need, self.states.device)


class Objective:
    """The loss of a method. Override :meth:`forget`, and more only where the method needs it."""

    groups: tuple[str, ...] = (FORGET,)
    """The groups whose answers the loss reads, besides the retained records'."""

    retains: bool = False
    """Whether :meth:`retain` takes the place of the retain term of the settings."""

    gated: bool = True
    """Whether answers above a level may be left alone; their likelihood must be at hand."""

    notes: tuple[str, ...] = ()
    """What the reader of a result must know of this method, whatever came out."""

    def riders(self, texts: Texts) -> Mapping[str, Sequence[Sequence[Sample]]]:
        """Return further groups: for each forget sample its alternatives, at least one.

        The alternatives of a sample take turns, one an epoch.
        """
        del texts
        return {}

    def needs(self, group: str) -> Sequence[Need]:
        """Return what of the model before unlearning the loss reads for this group."""
        del group
        return ()

    def selector(self, chosen: Selector, model: Any) -> Selector:
        """Return which weights train: those of the settings, unless the objective knows better."""
        del model
        return chosen

    def states(self, model: Any, batch: Batch) -> Tensor | tuple[Tensor, Tensor]:
        """Return the states that :class:`Answers` gets, [answer tokens, width], by one pass.

        With a second tensor [answer tokens, k], the answers get that as ``side``.
        """
        return answer_states(model, batch)

    def forget(self, seen: Mapping[str, Answers]) -> Tensor:
        """Return the term that takes the records out."""
        raise NotImplementedError

    def retain(self, answers: Answers) -> Tensor:
        """Return the term that holds the rest; asked only if ``retains``."""
        raise NotImplementedError


class TokenObjective(Objective):
    """An objective that is a mean over the answer tokens to be forgotten."""

    def __init__(self, weight: Callable[[Answers], Tensor] | None = None) -> None:
        self.weight = weight

    def tokens(self, answers: Answers) -> Tensor:
        """Return the loss of each token, [tokens]."""
        raise NotImplementedError

    def forget(self, seen: Mapping[str, Answers]) -> Tensor:
        """Return the mean over tokens, weighted if the objective has a weight."""
        answers = seen[FORGET]
        tokens = self.tokens(answers)
        return answers.over_tokens(tokens if self.weight is None else self.weight(answers) * tokens)


class RetainObjective:
    """The retain term of the settings: training as usual, or staying near the model before."""

    def __init__(self, term: RetainTerm, top: int) -> None:
        self.term, self._top = term, Top(top)

    def needs(self) -> Sequence[Need]:
        """Return what of the model before unlearning the term reads."""
        return (self._top,) if self.term == "kl" else ()

    def __call__(self, answers: Answers) -> Tensor:
        """Return the term: NLL a token, or KL(before || now) a token, in nats."""
        if self.term == "kl":
            kept, log_probs = answers.top_before(self._top)
            tokens = answers.each(_divergence, kept, log_probs)
            return answers.over_tokens(tokens)
        return answers.over_tokens(answers.nll)


def _divergence(logits: Tensor, targets: Tensor, kept: Tensor, log_probs: Tensor) -> Tensor:
    del targets
    return distillation(logits, kept, log_probs)
