"""Reference log-probabilities, computed once per sample and kept on disk.

NPO needs the model before unlearning only as one number per sample. Computing it once replaces
a resident copy of the model and a forward pass at every step. The numbers are keyed by the
digests of model, tokenizer and sample, so they never survive a change of any of the three.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from contract.canonical import digest_json, read_json, write_json
from unlearning.data import Sample, chunks, collate
from unlearning.losses import answer_nll

MEASURING_BATCH = 64


def tokenizer_digest(tokenizer: Any) -> str:
    """Return the digest of what the tokenizer does with text."""
    return digest_json({"tokenizer": tokenizer.backend_tokenizer.to_str()})


@torch.inference_mode()
def measure(model: Any, samples: Sequence[Sample], device: torch.device) -> list[float]:
    """Return the summed answer NLL of each sample, in nats."""
    values: list[float] = []
    for chunk in chunks(samples, MEASURING_BATCH):
        values.extend(answer_nll(model, collate(chunk, device)).tolist())
    return values


def mean_nll(model: Any, samples: Sequence[Sample], device: torch.device) -> list[float]:
    """Return the answer NLL per token of each sample, in nats."""
    sums = measure(model, samples, device)
    return [value / sample.answer_length for value, sample in zip(sums, samples, strict=True)]


class ReferenceCache:
    """Summed answer NLL under one model and tokenizer, by sample digest."""

    def __init__(self, folder: Path, model_digest: str, tokenizer: Any) -> None:
        key = digest_json({"model": model_digest, "tokenizer": tokenizer_digest(tokenizer)})
        self._path = folder / f"reference-{key.removeprefix('sha256:')}.json"
        self._values: dict[str, float] = read_json(self._path) if self._path.is_file() else {}

    def fill(self, model: Any, samples: Sequence[Sample], device: torch.device) -> int:
        """Measure the samples that are not cached yet; returns how many those were."""
        missing = [sample for sample in samples if sample.digest not in self._values]
        if missing:
            sums = measure(model, missing, device)
            known = {sample.digest: value for sample, value in zip(missing, sums, strict=True)}
            self._values.update(known)
            write_json(self._path, self._values)
        return len(missing)

    def at(self, samples: Sequence[Sample], device: torch.device | None = None) -> torch.Tensor:
        """Return the cached values of the samples, [samples]; raises ``KeyError`` if one is not."""
        return torch.tensor([self._values[sample.digest] for sample in samples], device=device)
