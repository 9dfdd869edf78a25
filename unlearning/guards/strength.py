"""How strongly the assistant of ULD must be taken off: as little as contains the answers.

A model that has memorised an answer is surer of it than the assistant can be, so a weight below
one often changes nothing: what counts is w times the assistant's margin against the model's own.
The weight is therefore chosen by measuring, under teacher forcing, what is left of the answers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from unlearning.data import Sample, chunks, collate
from unlearning.losses import answer_logits

WEIGHTS = (0.8, 1.0, 1.2, 1.5, 2.0, 3.0)
CHUNK = 8


@dataclass(frozen=True)
class Reproduced:
    """Shares in [0, 1]: of answer tokens that are the likeliest, and of answers with all of them.

    ``weight`` 0 is the model without the assistant.
    """

    weight: float
    tokens: float
    whole: float


@torch.inference_mode()
def reproduced(
    model: Any,
    assistant: Any,
    samples: Sequence[Sample],
    weights: Sequence[float],
    take: Callable[[Tensor, Tensor, float], Tensor],
) -> list[Reproduced]:
    """Return what is left of the samples' answers at each weight; one pass of each model.

    ``take`` takes the assistant's logits off the model's at a weight.
    """
    right: list[list[torch.Tensor]] = [[] for _ in weights]
    lengths = [sample.answer_length for sample in samples]
    for chunk in chunks(samples, CHUNK):
        batch = collate(chunk, model.device)
        own, other = answer_logits(model, batch), answer_logits(assistant, batch)
        for place, weight in enumerate(weights):
            left = take(own, other, weight) if weight else own
            right[place].append((left.argmax(-1) == batch.targets).cpu())
    found = []
    for weight, parts in zip(weights, right, strict=True):
        tokens = torch.cat(parts)
        answers = [bool(item.all()) for item in tokens.split(lengths)]
        found.append(Reproduced(weight, float(tokens.float().mean()), sum(answers) / len(answers)))
    return found


def weakest(found: Sequence[Reproduced], aim: float) -> Reproduced:
    """Return the first that leaves no answer whole and at most ``aim`` of the tokens, or the best.

    ``found`` is in the order of growing weights.
    """
    for item in found:
        if not item.whole and item.tokens <= aim:
            return item
    return min(found, key=lambda item: (item.whole, item.tokens))
