"""Which next tokens complete no suppressed n-gram, whatever the way a text is split into tokens.

Every candidate token is tried: the text so far is decoded with it, cut into words, and the token
is forbidden when a suppressed n-gram would then stand in the text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from contract.containment import words

CANDIDATES = 50
"""As many as transformers samples from, unless told otherwise."""
TAIL = 32
"""Tokens that are decoded at first; more when they hold too few words."""


class Suppressed(Protocol):
    """What knows the suppressed n-grams; ``longest`` is their greatest number of words."""

    longest: int

    def ends_in(self, items: Sequence[str], start: int) -> bool:
        """Say whether a suppressed n-gram ends at word ``start`` or later."""


class TokenFilter:
    """Tries the ``candidates`` likeliest tokens of a row against suppressed n-grams.

    Raises ``ValueError`` for a tokenizer without an end token, for then nothing safe might be left.
    """

    def __init__(self, tokenizer: Any, matcher: Suppressed, candidates: int = CANDIDATES) -> None:
        if tokenizer.eos_token_id is None:
            raise ValueError("a guard needs a tokenizer with an end token")
        self._tokenizer = tokenizer
        self._matcher = matcher
        self._candidates = candidates

    @property
    def end(self) -> int:
        """Return the token that is always allowed."""
        return int(self._tokenizer.eos_token_id)

    def guarded(self, ids: list[int], scores: Tensor) -> Tensor:
        """Return one row's scores [vocabulary], with everything forbidden at minus infinity."""
        allowed = self.allowed(ids, scores)
        left = torch.full_like(scores, -torch.inf)
        left[allowed] = scores[allowed]
        if not torch.isfinite(left[allowed]).any():
            left[allowed[0]] = 0.0
        return left

    def allowed(self, ids: list[int], scores: Tensor) -> list[int]:
        """Return the allowed ones of the likeliest tokens; the end of the sequence always is."""
        known = min(scores.shape[0], len(self._tokenizer))
        tail = self._tail(ids)
        size, tried = self._candidates, 0
        while tried < known:
            size = min(size, known)
            best = torch.topk(scores[:known], size)
            fresh = [
                token
                for token, score in zip(
                    best.indices[tried:].tolist(), best.values[tried:].tolist(), strict=True
                )
                if score != -torch.inf
            ]
            if not fresh:
                break
            allowed = self._harmless(tail, fresh)
            if allowed:
                return allowed
            size, tried = 2 * size, size
        return [self.end]

    def _harmless(self, tail: list[int], tokens: list[int]) -> list[int]:
        before, *after = self.decode([tail, *([*tail, token] for token in tokens)])
        said = words(before)
        return [
            token
            for token, text in zip(tokens, after, strict=True)
            if text == before or not self._completes(said, words(text))
        ]

    def _completes(self, before: list[str], after: list[str]) -> bool:
        """Say whether a suppressed n-gram ends in what is new or other than before."""
        same = 0
        for old, new in zip(before, after, strict=False):
            if old != new:
                break
            same += 1
        return self._matcher.ends_in(after, same)

    def _tail(self, ids: list[int]) -> list[int]:
        """Return the last tokens: enough for the longest n-gram and a cut word before it."""
        size = TAIL
        while size < len(ids):
            tail = ids[-size:]
            if len(words(self.decode([tail])[0])) > self._matcher.longest + 1:
                return tail
            size *= 2
        return ids

    def decode(self, rows: list[list[int]]) -> list[str]:
        """Return the texts of rows of ids."""
        texts: list[str] = self._tokenizer.batch_decode(
            rows, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return texts
