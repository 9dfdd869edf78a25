"""A model that reads more with every prompt: found words, or vectors that are no words."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from contract.record import Form
from verification.attacks.tuning import sharing
from verification.families.causal_lm import CausalLM, Encoded


@dataclass(frozen=True)
class Prompted(CausalLM):
    """A model with token ids put ``before`` and ``after`` every prompt it is asked."""

    before: tuple[int, ...] = ()
    after: tuple[int, ...] = ()

    def encode(self, form: Form, *, end: bool = False) -> Encoded:
        """Tokenise a form with the added ids around its prompt."""
        plain = super().encode(form, end=end)
        head = (*self.before, *plain.ids[: plain.start], *self.after)
        return replace(plain, ids=(*head, *plain.answer), start=len(head))


class Extended(nn.Module):
    """Input embeddings with further rows that stand for no token of the vocabulary."""

    def __init__(self, known: Any, vectors: Tensor) -> None:
        """Keep the embeddings of the model and the rows [count, hidden] that follow them."""
        super().__init__()
        self.known = known
        self.vectors = vectors
        self.weight = known.weight

    def forward(self, ids: Tensor) -> Tensor:
        """Return embeddings [rows, length, hidden] of ids, those past the vocabulary included."""
        size = len(self.known.weight)
        plain: Tensor = self.known(ids.clamp_max(size - 1))
        added = self.vectors[(ids - size).clamp_min(0)].to(plain)
        return torch.where((ids < size)[..., None], plain, added)


def with_words(model: CausalLM, after: tuple[int, ...], key: str) -> Prompted:
    """Return the model reading the ids ``after`` every prompt; it is the same model otherwise."""
    return Prompted(key, model.model, model.tokenizer, model.device, after=after)


def with_vectors(model: CausalLM, vectors: Tensor, key: str) -> Prompted:
    """Return the model reading ``vectors`` [count, hidden] before every prompt; weights shared."""
    shared = sharing(model, key)
    known = shared.model.get_input_embeddings()
    size = len(known.weight)
    shared.model.set_input_embeddings(Extended(known, vectors))
    ids = tuple(range(size, size + len(vectors)))
    return Prompted(key, shared.model, model.tokenizer, model.device, before=ids)
