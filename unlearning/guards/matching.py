"""Finding suppressed n-grams in words, over any number of bundles."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

from contract.containment import Bundle, ngram_digest

REMEMBERED = 65_536


class Matcher:
    """Says whether a text of words holds what one of the bundles suppresses."""

    def __init__(self, bundles: Iterable[Bundle]) -> None:
        self._bundles = tuple(
            (bytes.fromhex(item.key), frozenset(item.names), frozenset(item.answers), item)
            for item in bundles
        )
        self.longest = max((max(item[3].lengths, default=0) for item in self._bundles), default=0)
        self._refusal_for = lru_cache(maxsize=REMEMBERED)(self._look_up_name)
        self._suppressed = lru_cache(maxsize=REMEMBERED)(self._look_up)
        self._lengths = tuple(sorted({n for item in self._bundles for n in item[3].lengths}))

    def ends_in(self, items: Sequence[str], start: int) -> bool:
        """Say whether a suppressed n-gram ends at word ``start`` or later."""
        return any(
            self._suppressed(tuple(items[end - length : end]))
            for end in range(start + 1, len(items) + 1)
            for length in self._lengths
            if length <= end
        )

    def refusal_for(self, items: Sequence[str]) -> str | None:
        """Return the refusal of the first bundle whose person the words name, if any."""
        for end in range(1, len(items) + 1):
            for length in self._lengths:
                if length <= end:
                    found = self._refusal_for(tuple(items[end - length : end]))
                    if found is not None:
                        return found
        return None

    def _look_up(self, gram: tuple[str, ...]) -> bool:
        for key, names, answers, bundle in self._bundles:
            if len(gram) in bundle.lengths:
                digest = ngram_digest(key, gram)
                if digest in names or digest in answers:
                    return True
        return False

    def _look_up_name(self, gram: tuple[str, ...]) -> str | None:
        for key, names, _, bundle in self._bundles:
            if len(gram) in bundle.lengths and ngram_digest(key, gram) in names:
                return bundle.refusal
        return None
