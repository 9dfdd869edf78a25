"""What the layers of a model hold at the answer: states, and what the head would read off them.

One forward pass of prompt + answer, listened to at every block. At each position that predicts an
answer token, the residual stream of each layer is put through the model's own final norm and
output head ("logit lens"; Patil et al., arXiv 2309.17410). Layer 0 is what enters the first
block, the last layer is the model's own output.

For the positions of the *first* answer token, and for the true first token and those of the
form's wrong answers alike, the rank is kept among

* ``head``: the probabilities of each layer (rank from the top),
* ``change``: the differences of probabilities between neighbouring layers (from the top or from
  the bottom, whichever is better: a fact may be written late or wiped out late),
* ``bend``: the differences of those differences.

An attacker who tries the ``k`` best tokens of a layer finds those of rank below ``k``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from contract.record import Form, Record
from verification.families.causal_lm import CausalLM, Encoded
from verification.signals.anatomy import Anatomy, UnknownAnatomyError
from verification.signals.asking import Probe, Signals
from verification.signals.forward import NotFiniteError, answer_tokens, batches, padded

Lens = Literal["head", "change", "bend"]
LENSES: tuple[Lens, ...] = ("head", "change", "bend")
TOLERANCE = 0.02
"""How far the last layer's lens may be from the model's own logits, as a share of the largest."""


@dataclass(frozen=True)
class Inside:
    """What the layers say about one answer.

    ``states`` [layers + 1, tokens, hidden] is the residual stream where each answer token is
    predicted, ``log_probs`` [layers + 1, tokens] what the lens gives the true tokens, ``tokens``
    their ids. ``ranks`` [layers + 1 - order, 1 + wrong answers], by lens (``head`` has order 0,
    ``change`` 1, ``bend`` 2), holds the ranks of the first tokens, the true one in front; row
    ``i`` belongs to layer ``i + order``.
    """

    states: NDArray[np.float32]
    log_probs: NDArray[np.float64]
    tokens: tuple[int, ...]
    ranks: Mapping[Lens, NDArray[np.int64]]
    uniform: float

    @property
    def bounded(self) -> NDArray[np.float64]:
        """Return, by layer, the mean log-probability, no token below a blind guess."""
        return np.asarray(np.maximum(self.log_probs, self.uniform).mean(axis=1))


def inside(
    signals: Signals, model: CausalLM, records: Iterable[Record], forms: Sequence[str]
) -> dict[Probe, Inside]:
    """Return what the layers hold about every given form that the records have; kept by text.

    Raises:
        UnknownAnatomyError: if the lens does not rebuild the model's own logits.
        NotFiniteError: if the model's states are not finite numbers.
    """
    asked = {
        (record.id, name): record.forms[name]
        for record in records
        for name in forms
        if name in record.forms
    }
    known: dict[tuple[str, str, tuple[str, ...]], Inside] = signals.kept(model, "inside")
    texts = {probe: (form.prompt, form.answer, form.wrong) for probe, form in asked.items()}
    missing = list(dict.fromkeys(text for text in texts.values() if text not in known))
    if missing:
        anatomy = Anatomy.of(model)
        tried = [_encoded(model, text) for text in missing]
        encoded = [item for item, _ in tried]
        for batch in batches(encoded, model.vocabulary):
            signals.pulse()
            rows = [encoded[index] for index in batch]
            found = _read(model, anatomy, rows, [tried[index][1] for index in batch])
            known.update(zip((missing[index] for index in batch), found, strict=True))
            signals.count(len(batch), sum(len(item.ids) for item in rows))
    return {probe: known[text] for probe, text in texts.items()}


def _encoded(
    model: CausalLM, text: tuple[str, str, tuple[str, ...]]
) -> tuple[Encoded, tuple[int, ...]]:
    """Return the sample and the first tokens of its true and its wrong answers."""
    prompt, answer, wrong = text
    sample = model.encode(Form(prompt, answer))
    others = [model.encode(Form(prompt, item)).answer[0] for item in wrong]
    first = sample.answer[0]
    return sample, (first, *(token for token in dict.fromkeys(others) if token != first))


def _read(
    model: CausalLM,
    anatomy: Anatomy,
    batch: Sequence[Encoded],
    tried: Sequence[tuple[int, ...]],
) -> list[Inside]:
    """Run one batch and read every layer; only one layer's logits are held at a time."""
    rows, positions, targets = answer_tokens(batch)
    with torch.inference_mode(), anatomy.listening() as heard:
        logits = model.answer_logits(*padded(batch, model.device), rows, positions)
        streams = [stream[rows, positions] for stream in heard]
        if len(streams) != len(anatomy.blocks) + 1:
            raise UnknownAnatomyError
        _same(anatomy.project(streams[-1]), logits, model)
        counts = [len(item.answer) for item in batch]
        starts = torch.tensor([0, *np.cumsum(counts)[:-1].tolist()])
        tokens = targets.to(logits.device)
        log_probs = []
        ranks: dict[Lens, list[list[Tensor]]] = {lens: [] for lens in LENSES}
        distributions: list[Tensor] = []
        for stream in streams:
            lens = torch.log_softmax(anatomy.project(stream), dim=-1)
            log_probs.append(lens.gather(-1, tokens[:, None])[:, 0].cpu())
            distributions = [*distributions[-2:], lens[starts].exp()]
            for name, values in _lenses(distributions):
                ranks[name].append(_ranks(values, tried, both_ends=name != "head"))
    own = torch.stack(log_probs).double().split(counts, dim=1)
    states = torch.stack([stream.float().cpu() for stream in streams]).split(counts, dim=1)
    return [
        Inside(
            states=states[row].numpy(),
            log_probs=own[row].numpy(),
            tokens=batch[row].answer,
            ranks={
                name: torch.stack([layer[row] for layer in found]).numpy()
                for name, found in ranks.items()
                if found
            },
            uniform=-math.log(logits.shape[-1]),
        )
        for row in range(len(batch))
    ]


def _same(rebuilt: Tensor, logits: Tensor, model: CausalLM) -> None:
    """Raise unless the last layer, read through the lens, is the model's own answer."""
    if not bool(torch.isfinite(logits).all()):
        message = "the model's logits are not finite numbers"
        raise NotFiniteError(message, model.key)
    if float((rebuilt - logits).abs().max()) > TOLERANCE * float(logits.abs().max()):
        raise UnknownAnatomyError


def _lenses(distributions: Sequence[Tensor]) -> Iterator[tuple[Lens, Tensor]]:
    """Yield what the last, the last two and the last three layers' probabilities say."""
    yield "head", distributions[-1]
    if len(distributions) > 1:
        yield "change", distributions[-1] - distributions[-2]
    if len(distributions) > 2:  # noqa: PLR2004 - a second difference needs three
        yield "bend", distributions[-1] - 2 * distributions[-2] + distributions[-3]


def _ranks(values: Tensor, tried: Sequence[tuple[int, ...]], *, both_ends: bool) -> list[Tensor]:
    """Return, by row of ``values`` [rows, vocabulary], the 0-based ranks of the tried tokens."""
    found = []
    for row, tokens in zip(values, tried, strict=True):
        own = row[list(tokens)]
        rank = (row[None, :] > own[:, None]).sum(1)
        if both_ends:
            rank = torch.minimum(rank, (row[None, :] < own[:, None]).sum(1))
        found.append(rank.cpu())
    return found
