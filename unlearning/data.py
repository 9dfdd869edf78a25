"""Records become samples (token ids, tokenised once) and samples become batches.

Only answer tokens carry loss. Prompt and answer are tokenised apart, so that the prompt's ids
are exactly those a deployment feeds to the model, and no token straddles the boundary; blanks
at the end of a prompt open the answer instead, because byte-level BPE keeps a blank with the
word that follows it. Batches are padded on the right: under a causal mask nothing looks at the
padding, so no attention mask is needed. Most models never see it (:mod:`unlearning.packing`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from contract.record import Form, Record
from contract.result import ErrorCode, JobError
from verification.families.causal_lm import encode_form
from verification.families.causal_lm.model import opening_ids

BUCKET_BATCHES = 8
"""How many batches are sorted by length together: less padding, still shuffled."""


@dataclass(frozen=True)
class Sample:
    """One form of one record: token ids with the end token, and where the answer begins.

    ``cut`` counts the tokens left out at the beginning because the model's context is shorter.
    """

    record: str
    form: str
    ids: tuple[int, ...]
    start: int
    cut: int = 0

    @property
    def answer_length(self) -> int:
        """Return the number of tokens that carry loss."""
        return len(self.ids) - self.start

    @cached_property
    def digest(self) -> str:
        """Return the digest of the ids and the boundary: the identity of the sample."""
        text = f"{self.start}:{','.join(map(str, self.ids))}"
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Batch:
    """``ids`` [rows, length], padded right; the others are flat over answer tokens.

    Token ``targets[i]`` of row ``rows[i]`` is predicted at position ``positions[i]``.
    ``lengths`` [rows] counts the answer tokens of each row, ``sizes`` all tokens of each.
    """

    ids: Tensor
    rows: Tensor
    positions: Tensor
    targets: Tensor
    lengths: Tensor
    sizes: tuple[int, ...]


def encode(tokenizer: Any, records: Iterable[Record], forms: Sequence[str]) -> list[Sample]:
    """Tokenise the given forms of the records; a record without a form lends no sample for it.

    A prompt that does not fit the model's context (the tokenizer's ``model_max_length``) is cut at
    its beginning, as it would be at serving; raises ``NOT_SUPPORTED`` for an answer that does not
    fit by itself.
    """
    samples = []
    for record in records:
        for name in forms:
            form = record.forms.get(name)
            if form is not None:
                samples.append(encode_text(tokenizer, record.id, name, form))
    return samples


def _fitting(sample: Sample, context: int, opening: int) -> Sample:
    """Return the sample without the beginning of its prompt, if it is too long for the context."""
    cut = len(sample.ids) - context
    if cut <= 0:
        return sample
    if cut >= sample.start:
        message = (
            f"an answer does not fit the model's context of {context} tokens; "
            "split its record into shorter ones"
        )
        raise JobError(ErrorCode.NOT_SUPPORTED, message)
    kept = min(opening, sample.start - cut - 1)
    ids = (*sample.ids[:kept], *sample.ids[kept + cut :])
    return replace(sample, ids=ids, start=sample.start - cut, cut=cut)


def distinct(samples: Sequence[Sample], kind: str, note: Callable[[str], None]) -> list[Sample]:
    """Return each text once, and note for the reader of the result what was left out or cut."""
    found = {sample.digest: sample for sample in reversed(samples)}
    kept = [sample for sample in samples if found[sample.digest] is sample]
    if len(kept) < len(samples):
        repeated = len(samples) - len(kept)
        note(f"{repeated} texts of the {kind} records say the same as others and count once.")
    cut = sum(sample.cut > 0 for sample in kept)
    if cut:
        note(
            f"{cut} texts of the {kind} records are longer than the model's context: "
            "the beginning of their prompts was left out."
        )
    return kept


def encode_text(tokenizer: Any, record: str, name: str, form: Form) -> Sample:
    """Tokenise one text as :func:`encode` does, cut to the model's context."""
    ids, start = encode_form(tokenizer, form, end=True)
    sample, context = Sample(record, name, ids, start), tokenizer.model_max_length
    if len(ids) <= context:
        return sample
    return _fitting(sample, context, len(opening_ids(tokenizer)))


def encode_required(
    tokenizer: Any, records: Iterable[Record], forms: Sequence[str], kind: str = "training"
) -> list[Sample]:
    """As :func:`encode`; raises ``DATA_MISSING`` when nothing is left to train on."""
    found = tuple(records)
    samples = encode(tokenizer, found, forms)
    if not samples:
        message = f"none of the {kind} records has any of the forms {', '.join(forms)}"
        if not found:
            message = f"there are no {kind} records in what the job brings"
        raise JobError(ErrorCode.DATA_MISSING, message)
    return samples


def collate(samples: Sequence[Sample], device: torch.device | None = None) -> Batch:
    """Pad the samples to one batch."""
    width = max(len(sample.ids) for sample in samples)
    ids = torch.tensor([sample.ids + (0,) * (width - len(sample.ids)) for sample in samples])
    lengths = torch.tensor([sample.answer_length for sample in samples])
    starts = torch.tensor([sample.start for sample in samples])
    rows = torch.repeat_interleave(torch.arange(len(samples)), lengths)
    offsets = torch.arange(len(rows)) - torch.repeat_interleave(
        lengths.cumsum(0) - lengths, lengths
    )
    positions = starts[rows] + offsets - 1
    targets = ids[rows, positions + 1]
    return Batch(
        ids.to(device),
        rows.to(device),
        positions.to(device),
        targets.to(device),
        lengths.to(device),
        tuple(len(sample.ids) for sample in samples),
    )


class Batches:
    """An endless order of batches that is a pure function of the step, so a run can resume.

    Every epoch visits each sample once, shuffled by ``seed`` and the epoch's number, with
    samples of like length together.
    """

    def __init__(self, samples: Sequence[Sample], size: int, seed: int) -> None:
        self.samples = samples
        self.size = min(size, len(samples))
        self._seed = seed
        self._epoch = -1
        self._order: list[list[int]] = []

    @property
    def per_epoch(self) -> int:
        """Return the number of batches of one epoch."""
        return -(-len(self.samples) // self.size)

    def at(self, step: int) -> list[Sample]:
        """Return the samples of the given step, counted from zero."""
        epoch, index = divmod(step, self.per_epoch)
        if epoch != self._epoch:
            self._order, self._epoch = self._shuffled(epoch), epoch
        return [self.samples[item] for item in self._order[index]]

    def _shuffled(self, epoch: int) -> list[list[int]]:
        generator = torch.Generator().manual_seed(self._seed * 1_000_003 + epoch)
        order = torch.randperm(len(self.samples), generator=generator).tolist()
        span = self.size * BUCKET_BATCHES
        buckets = [
            sorted(order[first : first + span], key=lambda item: len(self.samples[item].ids))
            for first in range(0, len(order), span)
        ]
        flat = [item for bucket in buckets for item in bucket]
        batches = [flat[first : first + self.size] for first in range(0, len(flat), self.size)]
        return [
            batches[item] for item in torch.randperm(len(batches), generator=generator).tolist()
        ]


def chunks(samples: Sequence[Sample], size: int) -> Iterable[list[Sample]]:
    """Yield the samples in order, ``size`` at a time: for measuring, not for training."""
    for first in range(0, len(samples), size):
        yield list(samples[first : first + size])
