"""A logits processor that keeps suppressed n-grams out of what a model generates.

At each step every candidate token is tried: prompt and answer so far are decoded with it, cut into
words, and the token is forbidden when a suppressed n-gram would then stand in the text. A word at
the end of the text counts as whole, for generation may stop there. So whatever the way a text is
split into tokens, no suppressed n-gram is ever complete, not even for a moment while streaming.
Only the ``candidates`` most likely tokens are tried; all others are forbidden unseen, and when none
of the tried ones is allowed the next are tried, until the end of the sequence is the only way on.
A prompt that names the person is answered with the bundle's refusal, token by token.

What this is not: **erasure**. The weights still hold the data. Taking the guard off, asking for
embeddings or for log-probabilities, or loading the weights elsewhere restores all of it. The
guard compares words. It does not see paraphrase, translation, transliteration, spelling with blanks
or lookalike letters, initials, codes, facts hinted at without their words, or answers put together
over several turns. Scripts without blanks between words are matched only as whole runs. A
suppressed n-gram that happens to be how a longer harmless word begins is stopped where a token
ends there. Each bundle costs a keyed hash per tried n-gram.

Greedy search, beam search and sampling from at most ``candidates`` tokens are as without the guard
wherever nothing is suppressed; sampling from more tokens is cut to these. For greedy search one
candidate gives the same answers at a fraction of the cost. Speculative decoding is not supported.
Make a new processor for every call of ``generate``::

    guard = SuppressionLogitsProcessor(tokenizer, bundles, prompt_length=ids.shape[1])
    model.generate(ids, logits_processor=LogitsProcessorList([guard]))
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from transformers import LogitsProcessor

from contract.containment import Bundle, words
from unlearning.guards.matching import Matcher
from unlearning.guards.tokens import CANDIDATES, TokenFilter


class SuppressionLogitsProcessor(LogitsProcessor):
    """Forbids tokens; ``scores`` [rows, vocabulary] for ``input_ids`` [rows, length].

    ``prompt_length`` is the width of the (left-padded) prompts given to ``generate``. Raises
    ``ValueError`` for a tokenizer without an end token, for then nothing safe might be left.
    """

    supports_continuous_batching = False

    def __init__(
        self,
        tokenizer: Any,
        bundles: Iterable[Bundle],
        *,
        prompt_length: int,
        candidates: int = CANDIDATES,
    ) -> None:
        self._tokenizer = tokenizer
        self._matcher = Matcher(bundles)
        self._filter = TokenFilter(tokenizer, self._matcher, candidates)
        self._prompt_length = prompt_length
        self._refusals: dict[tuple[int, ...], list[int] | None] = {}

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Return the scores, with everything forbidden at minus infinity."""
        if not self._matcher.longest:
            return scores
        guarded = torch.full_like(scores, -torch.inf)
        for row, ids in enumerate(input_ids.tolist()):
            refusal = self._refusal(tuple(ids[: self._prompt_length]))
            if refusal is None:
                guarded[row] = self._filter.guarded(ids, scores[row])
            else:
                place = len(ids) - self._prompt_length
                guarded[row, refusal[place] if place < len(refusal) else self._filter.end] = 0.0
        return guarded

    def _refusal(self, prompt: tuple[int, ...]) -> list[int] | None:
        if prompt not in self._refusals:
            text = self._filter.decode([list(prompt)])[0]
            said = self._matcher.refusal_for(words(text))
            ids = self._tokenizer.encode(said, add_special_tokens=False) if said else None
            self._refusals[prompt] = ids
        return self._refusals[prompt]
