"""A tiny model before unlearning and one now, and their losses in plain Python."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from unlearning.data import Sample
from unlearning.engine import Piece
from unlearning.mixture import Mixture
from unlearning.objectives import WANTED
from unlearning.reference import LogProbs, ReferenceCache, Top
from unlearning.registry import gradient

VOCABULARY = 40
TOKENIZER = SimpleNamespace(backend_tokenizer=SimpleNamespace(to_str=lambda: "golden"))
CPU = torch.device("cpu")
Token = tuple[list[float], int]
"""The log-probabilities of the vocabulary at one place, and the true token."""


def model(seed: int) -> Any:
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=2,
        initializer_range=0.4,  # far from uniform, so that losses differ
    )
    return LlamaForCausalLM(config).eval()


def texts(seed: int, lengths: Sequence[int]) -> list[Sample]:
    generator = torch.Generator().manual_seed(seed)
    rows = [torch.randint(VOCABULARY, (3 + n,), generator=generator).tolist() for n in lengths]
    return [Sample(f"{seed}-{i}", "question", tuple(row), 3) for i, row in enumerate(rows)]


def tokens(of: Any, sample: Sample) -> list[Token]:
    with torch.no_grad():
        logits = of(input_ids=torch.tensor([sample.ids])).logits[0].double()
    places = range(sample.start, len(sample.ids))
    return [(logits[i - 1].log_softmax(-1).tolist(), sample.ids[i]) for i in places]


def nll(of: Any, sample: Sample) -> float:
    return -sum(log_p[true] for log_p, true in tokens(of, sample))


class World:
    """A model before and one now, some texts, and what the cache says of the one before."""

    def __init__(self, folder: Path) -> None:
        self.before, self.now = model(1), model(2)
        self.groups = {
            "forget": texts(3, (2, 5, 3)),
            WANTED: texts(4, (4, 1, 3)),
            "retain": texts(5, (3, 3, 6, 1)),
        }
        self.cache = ReferenceCache(folder, "golden", TOKENIZER)
        for samples in self.groups.values():
            for need in (LogProbs(), Top(VOCABULARY)):
                self.cache.fill(self.before, samples, CPU, need)

    def terms(self, name: str, piece: Piece | None = None, **settings: Any) -> dict[str, float]:
        parsed, objective = gradient(name, {"top": VOCABULARY, **settings})
        mixture = Mixture(objective, parsed)
        groups = (
            dict(self.groups) if parsed.retain_term != "none" else {**self.groups, "retain": []}
        )
        found = mixture.terms(self.now, groups, self.cache, piece or Piece())
        return {key: item.item() for key, item in found.items()}

    def token_mean(self, group: str, loss: Callable[[Token], float]) -> float:
        values = [loss(token) for item in self.groups[group] for token in tokens(self.now, item)]
        return sum(values) / len(values)

    def row_mean(self, loss: Callable[[int], float]) -> float:
        return sum(loss(i) for i in range(3)) / 3

    @property
    def kept(self) -> float:
        return self.token_mean("retain", lambda token: -token[0][token[1]])


def soft(value: float) -> float:
    """Return -log sigmoid(value)."""
    return math.log(1 + math.exp(-value))


def at(token: Token) -> float:
    return token[0][token[1]]
