"""Next-token logits of a second model that reads along, with a key-value cache of its own.

``generate`` hands a logits processor whole rows of ids and does not say what happened to them
since the last step: grown by a token, reordered by beam search, or other rows altogether. So a
row is recognised by its ids. If every row is a row of the last step (of the same prompt) plus one
token, the cache is put into the order of their parents and one token is computed. Anything else
starts over from the ids, which is slower and as right.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from unlearning.guards.shell import accepts, positions_of


class Follower:
    """Reads rows along; ``prompt_mask`` [prompts, width] is that of the prompts, padded left.

    Rows of one prompt stand together, as beam search and several answers a prompt put them.
    """

    def __init__(self, model: Any, prompt_mask: Tensor) -> None:
        self._model = model
        self._prompt_mask = prompt_mask
        self._ids: Tensor | None = None
        self._cache: Any = None
        self._takes_positions = accepts(model, "position_ids")
        self._extra = {"logits_to_keep": 1} if accepts(model, "logits_to_keep") else {}
        self.computed = 0

    @torch.inference_mode()
    def logits(self, ids: Tensor) -> Tensor:
        """Return logits [rows, vocabulary] of the token after ``ids`` [rows, length]."""
        parents = self._parents(ids)
        if parents is None:
            self._cache, start = None, 0
        else:
            start = ids.shape[1] - 1
            if parents != list(range(len(parents))):
                self._cache.reorder_cache(torch.tensor(parents, device=ids.device))
        mask = self._mask(ids)
        given: dict[str, Any] = dict(self._extra)
        if self._takes_positions:
            given["position_ids"] = positions_of(mask)[:, start:]
        output = self._model(
            input_ids=ids[:, start:],
            attention_mask=mask,
            past_key_values=self._cache,
            use_cache=True,
            **given,
        )
        self._cache, self._ids = output.past_key_values, ids.clone()
        self.computed += ids.shape[0] * (ids.shape[1] - start)
        logits: Tensor = output.logits[:, -1]
        return logits

    def _parents(self, ids: Tensor) -> list[int] | None:
        """Return the row of the last step that each row continues; None when one has none."""
        known = self._ids
        if known is None or self._cache is None or ids.shape != (len(known), known.shape[1] + 1):
            return None
        before = ids[:, :-1]
        if torch.equal(before, known):
            return list(range(len(known)))
        each = self._rows_per_prompt(ids)
        places = {(row // each, *values): row for row, values in enumerate(known.tolist())}
        found = [places.get((row // each, *values)) for row, values in enumerate(before.tolist())]
        return None if None in found else [item for item in found if item is not None]

    def _rows_per_prompt(self, ids: Tensor) -> int:
        each, left = divmod(ids.shape[0], self._prompt_mask.shape[0])
        if left or not each:
            raise ValueError("the rows are not those of the prompts that the guard was made for")
        return each

    def _mask(self, ids: Tensor) -> Tensor:
        prompts = self._prompt_mask.repeat_interleave(self._rows_per_prompt(ids), 0).to(ids.device)
        fresh = ids.shape[1] - prompts.shape[1]
        return torch.cat([prompts, prompts.new_ones(len(prompts), fresh)], dim=1)
