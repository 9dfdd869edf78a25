"""Which tokens of an answer are template, and which identify the person?

A token is *template* when records of other, never-trained people with the same question foretell
it: most of them that begin alike have the same token at the same place ("555-01", "ext", "mm").
Without this, a model that knows how phone numbers look is taken for one that knows a phone number;
in arXiv 2606.09590, 36 % of the "memorised" tokens were of that sort. No model takes part in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FEWEST = 2
"""Fewer records of others foretell nothing."""


@dataclass(frozen=True)
class Answer:
    """The token ids of one answer, whose it is, and of which kind its question is."""

    person: tuple[str, ...]
    kind: str
    tokens: tuple[int, ...]


def template_tokens(
    answers: Mapping[str, Answer], corpus: Sequence[Answer]
) -> dict[str, NDArray[np.bool_]]:
    """Return for every answer which of its tokens the corpus foretells (own person left out)."""
    by_kind: dict[str, list[Answer]] = {}
    for item in corpus:
        by_kind.setdefault(item.kind, []).append(item)
    return {
        key: _foretold(
            own.tokens,
            [item.tokens for item in by_kind.get(own.kind, ()) if item.person != own.person],
        )
        for key, own in answers.items()
    }


def _foretold(own: tuple[int, ...], others: Sequence[tuple[int, ...]]) -> NDArray[np.bool_]:
    found = []
    for place, token in enumerate(own):
        # Those with the same token before it, else all that are long enough.
        alike = [o[place] for o in others if len(o) > place and o[:place][-1:] == own[:place][-1:]]
        if len(alike) < FEWEST:
            alike = [item[place] for item in others if len(item) > place]
        count = Counter(alike)
        found.append(len(alike) >= FEWEST and 2 * count[token] > len(alike))
    return np.array(found, dtype=np.bool_)
