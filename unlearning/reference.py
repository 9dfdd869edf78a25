"""What the model before unlearning says of a text: computed once, kept on disk as numbers.

A loss that compares with that model declares what it needs of it: one number a sample
(:class:`LogProbs`), the likeliest tokens of every answer position (:class:`Top`), or the states
behind a layer (:class:`Hidden`). Computing it once replaces a resident copy of the model and a
forward pass at every step. The numbers are keyed by the digests of model, tokenizer and sample, so
they never survive a change of any of the three, and a fill that was interrupted goes on where it
was. They are as personal as the records: they stay in the job's work folder and end with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from contract.canonical import digest_json, read_json, write_json
from unlearning.data import Batch, Sample, chunks, collate
from unlearning.engine import within
from unlearning.losses.forward import (
    PIECE_LOGITS,
    answer_nll,
    answer_states,
    head_of,
    layer_states,
)

MEASURING_BATCH = 64
SHELF_BATCHES = 16
"""How many measured batches go into one file: what an interruption can cost."""


@dataclass(frozen=True)
class LogProbs:
    """The summed answer NLL of a sample."""


@dataclass(frozen=True)
class Top:
    """The ``count`` likeliest tokens of every answer position, the true one always among them."""

    count: int = 64

    @property
    def label(self) -> str:
        """Return the name of the files."""
        return f"top{self.count}"


@dataclass(frozen=True)
class Hidden:
    """The states of the answer tokens behind block ``layer`` (counted from zero)."""

    layer: int

    @property
    def label(self) -> str:
        """Return the name of the files."""
        return f"hidden{self.layer}"


Need: TypeAlias = LogProbs | Top | Hidden


def tokenizer_digest(tokenizer: Any) -> str:
    """Return the digest of what the tokenizer does with text."""
    return digest_json({"tokenizer": tokenizer.backend_tokenizer.to_str()})


@torch.inference_mode()
def measure(model: Any, samples: Sequence[Sample], device: torch.device) -> list[float]:
    """Return the summed answer NLL of each sample, in nats."""
    values: list[float] = []
    for chunk in chunks(samples, MEASURING_BATCH):
        batch = collate(chunk, device)
        values.extend(within(model, partial(answer_nll, model, batch)).tolist())
    return values


def mean_nll(model: Any, samples: Sequence[Sample], device: torch.device) -> list[float]:
    """Return the answer NLL per token of each sample, in nats."""
    sums = measure(model, samples, device)
    return [value / sample.answer_length for value, sample in zip(sums, samples, strict=True)]


class ReferenceCache:
    """What one model and tokenizer say, by sample digest."""

    def __init__(self, folder: Path, model_digest: str, tokenizer: Any) -> None:
        key = digest_json({"model": model_digest, "tokenizer": tokenizer_digest(tokenizer)})
        self._folder, self._name = folder, f"reference-{key.removeprefix('sha256:')}"
        self._path = folder / f"{self._name}.json"
        self._values: dict[str, float] = read_json(self._path) if self._path.is_file() else {}
        self._shelves: dict[str, _Shelf] = {}

    def fill(
        self,
        model: Any,
        samples: Sequence[Sample],
        device: torch.device,
        need: Need = LogProbs(),
    ) -> int:
        """Measure the samples that are not cached yet; returns how many those were."""
        if isinstance(need, LogProbs):
            return self._fill_sums(model, samples, device)
        shelf = self._shelf(need)
        missing = shelf.missing(samples)
        for some in chunks(missing, SHELF_BATCHES * MEASURING_BATCH):
            found: dict[str, Tensor] = {}
            for chunk in chunks(some, MEASURING_BATCH):
                found |= _measured(model, chunk, device, need)
            shelf.add(found)
        return len(missing)

    def at(self, samples: Sequence[Sample], device: torch.device | None = None) -> Tensor:
        """Return the summed NLL of the samples, [samples]; raises ``KeyError`` if one is not."""
        return torch.tensor([self._values[sample.digest] for sample in samples], device=device)

    def top(
        self, samples: Sequence[Sample], need: Top, device: torch.device | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return kept tokens and their log-probabilities, both [answer tokens, kept]."""
        shelf = self._shelf(need)
        kept = torch.cat([shelf[f"{sample.digest}.kept"] for sample in samples])
        values = torch.cat([shelf[f"{sample.digest}.log_probs"] for sample in samples])
        return kept.to(device).long(), values.to(device)

    def hidden(
        self, samples: Sequence[Sample], need: Hidden, device: torch.device | None = None
    ) -> Tensor:
        """Return the states of the answer tokens, [answer tokens, width]."""
        shelf = self._shelf(need)
        return torch.cat([shelf[f"{sample.digest}.states"] for sample in samples]).to(device)

    def _fill_sums(self, model: Any, samples: Sequence[Sample], device: torch.device) -> int:
        missing = [sample for sample in samples if sample.digest not in self._values]
        if missing:
            sums = measure(model, missing, device)
            known = {sample.digest: value for sample, value in zip(missing, sums, strict=True)}
            self._values.update(known)
            write_json(self._path, self._values)
        return len(missing)

    def _shelf(self, need: Top | Hidden) -> _Shelf:
        if need.label not in self._shelves:
            self._shelves[need.label] = _Shelf(self._folder, f"{self._name}-{need.label}")
        return self._shelves[need.label]


class _Shelf:
    """Tensors by key in numbered files, each written whole or not at all, read when asked for."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name
        self._files: list[Any] = []
        self._place: dict[str, int] = {}
        for path in sorted(folder.glob(f"{name}-*.safetensors")):
            self._open(path)

    def __getitem__(self, key: str) -> Tensor:
        tensor: Tensor = self._files[self._place[key]].get_tensor(key)
        return tensor

    def missing(self, samples: Sequence[Sample]) -> list[Sample]:
        """Return the samples with nothing on the shelf, each once."""
        known = {key.partition(".")[0] for key in self._place}
        return list({s.digest: s for s in samples if s.digest not in known}.values())

    def add(self, tensors: dict[str, Tensor]) -> None:
        """Write one more file."""
        path = self._folder / f"{self._name}-{len(self._files):05d}.safetensors"
        temporary = path.with_suffix(".tmp")
        save_file(tensors, str(temporary))
        temporary.replace(path)
        self._open(path)

    def _open(self, path: Path) -> None:
        opened: Any = safe_open(str(path), "pt")
        self._place |= dict.fromkeys(opened.keys(), len(self._files))
        self._files.append(opened)


@torch.inference_mode()
def _measured(
    model: Any, chunk: Sequence[Sample], device: torch.device, need: Top | Hidden
) -> dict[str, Tensor]:
    parts = within(model, partial(_parts, model, collate(chunk, device), need))
    sizes = [sample.answer_length for sample in chunk]
    return {
        f"{sample.digest}.{name}": own.cpu().clone()
        for name, tensor in parts.items()
        for sample, own in zip(chunk, tensor.split(sizes), strict=True)
    }


def _parts(model: Any, batch: Batch, need: Top | Hidden) -> dict[str, Tensor]:
    """Return what is needed of every answer token of the batch, by name."""
    if isinstance(need, Hidden):
        return {"states": layer_states(model, batch, need.layer)}
    states, head = answer_states(model, batch), head_of(model)
    size = max(1, PIECE_LOGITS // head.vocabulary)
    pieces = zip(states.split(size), batch.targets.split(size), strict=True)
    best = [_top(head(some).float(), targets, need.count) for some, targets in pieces]
    kept, values = (torch.cat(item) for item in zip(*best, strict=True))
    return {"kept": kept.int(), "log_probs": values}


def _top(logits: Tensor, targets: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the likeliest tokens and their log-probabilities; the true one replaces the last."""
    log_probs = logits.log_softmax(-1)
    values, kept = log_probs.topk(min(count, logits.shape[-1]), dim=-1)
    absent = ~(kept == targets[:, None]).any(-1)
    true = log_probs.gather(-1, targets[:, None]).squeeze(-1)
    kept[:, -1] = torch.where(absent, targets, kept[:, -1])
    values[:, -1] = torch.where(absent, true, values[:, -1])
    return kept, values


def used(batches: Any, steps: int) -> Iterator[Sample]:
    """Yield the samples that a run of ``steps`` steps will see: nothing else need be measured."""
    for step in range(min(steps, batches.per_epoch)):
        yield from batches.at(step)
