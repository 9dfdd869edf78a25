r"""Guards behind vLLM: its version-1 interface for logits processors, without a need for vLLM.

vLLM keeps a batch of requests whose rows are added, removed and moved while they run. Before each
step it tells a processor what changed (``update_state``), after it hands over the logits of all
rows (``apply``). :class:`Rows` follows that and keeps one guard's processor for each request,
which sees the request's prompt and the list of its output ids that vLLM goes on filling.

Serve with the guard's folder in the environment::

    EXPUNGE_GUARD=guards/erika vllm serve models/hospital \
        --logits-processors unlearning.guards.vllm:GuardProcessor

``GuardProcessor`` is made when it is asked for, as a subclass of vLLM's own class, so that this
module can be imported where there is no vLLM. ``EXPUNGE_GUARD_DIGEST`` pins the folder. What is not
supported is refused when it is met: prompts given as embeddings, speculative decoding and
asynchronous scheduling, which hide ids from a processor.

The guard reads the first layers of the model from the model's folder: they are held a second time
beside vLLM's own. Each row is computed alone, so a step costs one small forward pass a guarded
row. This was tried with the documented protocol, step by step, not inside vLLM.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from contract.guard import GuardError
from unlearning.guards.loading import load_guard
from unlearning.guards.serving import LogitsGuard
from unlearning.models import load_tokenizer

FOLDER, DIGEST = "EXPUNGE_GUARD", "EXPUNGE_GUARD_DIGEST"
SWAP = "SWAP"


class Update(Protocol):
    """What vLLM's ``BatchUpdate`` says; to be worked off as removed, added, moved."""

    batch_size: int
    removed: Sequence[int]
    added: Sequence[tuple[int, Any, list[int] | None, list[int]]]
    moved: Sequence[tuple[int, int, Any]]


@dataclass
class Request:
    """One request: its prompt, the growing list of its output, and its own processor."""

    prompt: list[int]
    output: list[int]
    processor: Any = field(repr=False)

    def apply(self, logits: Tensor) -> Tensor:
        """Return the guarded logits [vocabulary] of this request."""
        if any(token < 0 for token in self.output):
            raise GuardError("ids are hidden from the guard: turn asynchronous scheduling off")
        ids = torch.tensor([[*self.prompt, *self.output]], device=logits.device)
        guarded: Tensor = self.processor(ids, logits.unsqueeze(0))[0]
        return guarded


class Rows:
    """Follows a persistent batch for one guard."""

    def __init__(self, guard: LogitsGuard, device: torch.device | None = None) -> None:
        self._guard, self._device = guard, device
        self._requests: dict[int, Request] = {}

    def is_argmax_invariant(self) -> bool:
        """Return that a guard changes greedy search too."""
        return False

    def needs_output_token_ids(self) -> bool:
        """Return that the ids written so far are read."""
        return True

    def update_state(self, batch_update: Update | None) -> None:
        """Follow what was removed, added and moved, in this order."""
        if batch_update is None:
            return
        for index in batch_update.removed:
            self._requests.pop(index, None)
        for index, _, prompt, output in batch_update.added:
            self._requests[index] = self._opened(prompt, output)
        for one, other, direction in batch_update.moved:
            first, second = self._requests.pop(one, None), self._requests.pop(other, None)
            if first is not None:
                self._requests[other] = first
            if second is not None and getattr(direction, "name", direction) == SWAP:
                self._requests[one] = second

    def apply(self, logits: Tensor) -> Tensor:
        """Return the logits [rows, vocabulary], guarded in place."""
        if any(row not in self._requests for row in range(len(logits))):
            raise GuardError("a row belongs to no request that the guard was told of")
        for row in range(len(logits)):
            logits[row] = self._requests[row].apply(logits[row])
        return logits

    def _opened(self, prompt: list[int] | None, output: list[int]) -> Request:
        if not prompt:
            raise GuardError("the guard needs the ids of the prompt; embeddings are not supported")
        mask = torch.ones(1, len(prompt), dtype=torch.long, device=self._device)
        return Request(list(prompt), output, self._guard.processor(mask))


def opened(model: str, device: torch.device) -> LogitsGuard:
    """Open the guard that the environment names, for a model's folder."""
    folder = os.environ.get(FOLDER)
    if not folder:
        raise GuardError(f"name the guard's folder in the environment variable {FOLDER}")
    source = Path(model)
    if not (source / "config.json").is_file():
        raise GuardError("the guard reads the model's first layers: serve a whole local folder")
    guard = load_guard(
        folder, source, load_tokenizer(source), digest=os.environ.get(DIGEST), device=device
    )
    if not isinstance(guard, LogitsGuard):
        raise GuardError("this kind of guard does not work on logits")
    return guard


def __getattr__(name: str) -> Any:
    """Make ``GuardProcessor``, a subclass of vLLM's class, when somebody asks for it."""
    if name != "GuardProcessor":
        raise AttributeError(name)
    from vllm.v1.sample.logits_processor import (  # type: ignore[import-not-found]  # noqa: PLC0415
        LogitsProcessor,
    )

    class GuardProcessor(Rows, LogitsProcessor):  # type: ignore[misc]
        """The guard of the environment, as vLLM loads it."""

        def __init__(self, vllm_config: Any, device: torch.device, is_pin_memory: bool) -> None:  # noqa: FBT001, ARG002 - vLLM's signature
            if getattr(vllm_config, "speculative_config", None) is not None:
                raise GuardError("speculative decoding hides tokens from the guard; turn it off")
            Rows.__init__(self, opened(vllm_config.model_config.model, device), device)

    return GuardProcessor
