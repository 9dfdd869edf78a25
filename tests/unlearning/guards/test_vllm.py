"""The guards behind vLLM's protocol, driven step by step as its documentation says.

vLLM itself is not run here. :class:`Engine` keeps a persistent batch as vLLM does: requests come
and go at any step, the batch is condensed by moves and reordered by swaps, and processors hear of
it by ``update_state`` before ``apply``. What comes out must be what ``generate`` writes with the
same guard for each prompt alone.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from contract.guard import GuardError
from contract.manifest import folder_digest
from tests.unlearning.conftest import Clinic, Trained
from tests.unlearning.guards.conftest import TOKENS, Built, Served, asked, reproduced
from unlearning.guards import load_guard
from unlearning.guards import vllm as adapter
from unlearning.guards.serving import LogitsGuard

Builder = Callable[[str], Built]
KINDS = ["guard", "uld"]


class Direction(Enum):
    UNIDIRECTIONAL = auto()
    SWAP = auto()


@dataclass(frozen=True)
class BatchUpdate:
    batch_size: int
    removed: Sequence[int]
    added: Sequence[tuple[int, Any, list[int] | None, list[int]]]
    moved: Sequence[tuple[int, int, Direction]]


class VllmProcessor(ABC):
    """The abstract methods of the interface, by name and signature."""

    @abstractmethod
    def __init__(self, vllm_config: Any, device: torch.device, is_pin_memory: bool) -> None: ...  # noqa: FBT001 - the interface

    @abstractmethod
    def apply(self, logits: Tensor) -> Tensor: ...

    @abstractmethod
    def is_argmax_invariant(self) -> bool: ...

    @abstractmethod
    def update_state(self, batch_update: BatchUpdate | None) -> None: ...


@dataclass
class Asked:
    prompt: list[int]
    output: list[int] = field(default_factory=list)


class Engine:
    """A persistent batch: one greedy step of every request, then what changed."""

    def __init__(self, model: Any, processor: Any, end: int) -> None:
        self.model, self.processor, self.end = model, processor, end
        self.batch: list[Asked] = []
        self.done: list[Asked] = []
        self.removed: list[int] = []
        self.added: list[tuple[int, Any, list[int] | None, list[int]]] = []
        self.moved: list[tuple[int, int, Direction]] = []

    def add(self, request: Asked) -> None:
        """Put a request into the lowest place that became free, or at the end."""
        if self.removed:
            place = min(self.removed)
            self.removed.remove(place)
            self.batch[place] = request
        else:
            place = len(self.batch)
            self.batch.append(request)
        params = SimpleNamespace(extra_args=None)
        self.added.append((place, params, request.prompt, request.output))

    def condense(self) -> None:
        """Fill the gaps that nobody took with requests from the end, one-way."""
        gaps = sorted(self.removed)
        while gaps:
            last = len(self.batch) - 1
            if last in gaps:
                gaps.remove(last)
            else:
                place = gaps.pop(0)
                self.batch[place] = self.batch[last]
                self.moved.append((last, place, Direction.UNIDIRECTIONAL))
            self.batch.pop()

    def preempt(self, place: int) -> Asked:
        """Take a running request out; it comes back later with what it has written so far."""
        self.removed.append(place)
        return self.batch[place]

    def swap(self, one: int, other: int) -> None:
        self.batch[one], self.batch[other] = self.batch[other], self.batch[one]
        self.moved.append((one, other, Direction.SWAP))

    def step(self, limit: int) -> None:
        update = BatchUpdate(len(self.batch), self.removed, self.added, self.moved)
        changed = any((self.removed, self.added, self.moved))
        self.processor.update_state(update if changed else None)
        self.removed, self.added, self.moved = [], [], []
        rows = []
        with torch.inference_mode():
            for item in self.batch:
                ids = torch.tensor([[*item.prompt, *item.output]])
                rows.append(self.model(input_ids=ids).logits[0, -1])
            logits = self.processor.apply(torch.stack(rows))
        for place, (item, row) in enumerate(zip(self.batch, logits, strict=True)):
            item.output.append(int(row.argmax()))
            if item.output[-1] == self.end or len(item.output) == limit:
                self.removed.append(place)
                self.done.append(item)

    def run(self, prompts: list[list[int]], limit: int) -> dict[tuple[int, ...], list[int]]:
        """Admit requests one or two a step; preempt one and reorder the batch now and then."""
        waiting, number = [Asked(prompt) for prompt in prompts], 0
        while waiting or len(self.batch) > len(self.removed):
            if number in {4, 9} and 0 not in self.removed:
                waiting.append(self.preempt(0))
            for _ in range(1 + number % 2):
                if waiting:
                    self.add(waiting.pop(0))
            self.condense()
            if number % 3 == 2 and len(self.batch) > 1:
                self.swap(0, len(self.batch) - 1)
            if self.batch:
                self.step(limit)
            number += 1
        return {tuple(item.prompt): item.output for item in self.done}


@pytest.fixture
def vllm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in for the one class that the guard imports from vLLM."""
    names = ["vllm", "vllm.v1", "vllm.v1.sample", "vllm.v1.sample.logits_processor"]
    for name in names:
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    module: Any = sys.modules[names[-1]]
    module.LogitsProcessor = VllmProcessor


def config(model: str, speculative: object | None = None) -> Any:
    named = SimpleNamespace(model=model)
    return SimpleNamespace(model_config=named, speculative_config=speculative)


def loaded(monkeypatch: pytest.MonkeyPatch, guard: Built, whole: Trained) -> Any:
    """Load the processor as vLLM does: by module and name, with its configuration."""
    monkeypatch.setenv(adapter.FOLDER, str(guard.folder))
    monkeypatch.setenv(adapter.DIGEST, folder_digest(guard.folder))
    made = getattr(adapter, "GuardProcessor")  # noqa: B009 - as vLLM finds it
    assert issubclass(made, VllmProcessor)
    return made(config(str(whole.path)), torch.device("cpu"), False)  # noqa: FBT003 - vLLM's call


@pytest.mark.training
@pytest.mark.usefixtures("vllm")
@pytest.mark.parametrize("kind", KINDS)
def test_a_moving_batch_says_what_generate_says(  # noqa: PLR0913, PLR0917 - all that is served
    kind: str,
    built: Builder,
    served: Served,
    clinic: Clinic,
    whole: Trained,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    processor = loaded(monkeypatch, built(kind), whole)
    assert processor.is_argmax_invariant() is False
    records = [item for pair in zip(clinic.forget, clinic.retain, strict=False) for item in pair]
    prompts = [served.tokenizer.encode(prompt) for prompt in asked(records)]
    run = Engine(served.model, processor, served.tokenizer.eos_token_id)
    outputs = run.run(prompts, TOKENS)
    guard = load_guard(built(kind).folder, served.model, served.tokenizer)
    for prompt, record in zip(prompts, records, strict=True):
        said = served.tokenizer.decode(outputs[tuple(prompt)], skip_special_tokens=True)
        alone = guard.answers(asked([record]), max_new_tokens=TOKENS, num_beams=1)
        assert said == alone[0]
        assert reproduced([said], [record]) == float(record in clinic.retain)


@pytest.mark.training
@pytest.mark.usefixtures("vllm")
def test_what_hides_ids_from_the_guard_is_refused(
    built: Builder, served: Served, whole: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = loaded(monkeypatch, built("uld"), whole)
    logits = torch.zeros(1, len(served.tokenizer))
    with pytest.raises(GuardError, match="no request"):
        made.apply(logits)
    with pytest.raises(GuardError, match="embeddings"):
        made.update_state(BatchUpdate(1, [], [(0, None, None, [])], []))
    made.update_state(BatchUpdate(1, [], [(0, None, [5, 6], [-1])], []))
    with pytest.raises(GuardError, match="asynchronous"):
        made.apply(logits)
    with pytest.raises(GuardError, match="speculative"):
        type(made)(config(str(whole.path), object()), torch.device("cpu"), True)  # noqa: FBT003 - vLLM's call


@pytest.mark.training
@pytest.mark.usefixtures("vllm")
def test_a_guard_that_is_missing_other_or_no_logits_guard_is_refused(
    built: Builder, whole: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = torch.device("cpu")
    monkeypatch.delenv(adapter.FOLDER, raising=False)
    with pytest.raises(GuardError, match=adapter.FOLDER):
        adapter.opened(str(whole.path), device)
    monkeypatch.setenv(adapter.FOLDER, str(built("uld").folder))
    monkeypatch.setenv(adapter.DIGEST, "sha256:0")
    with pytest.raises(GuardError, match="pinned"):
        adapter.opened(str(whole.path), device)
    with pytest.raises(GuardError, match="local folder"):
        adapter.opened("somebody/model", device)
    monkeypatch.delenv(adapter.DIGEST)
    monkeypatch.setenv(adapter.FOLDER, str(built("icu").folder))
    with pytest.raises(GuardError, match="speaks"):
        adapter.opened(str(whole.path), device)


@pytest.mark.training
def test_a_guard_without_a_model_guards_an_engine_and_answers_nothing(
    built: Builder, served: Served, whole: Trained
) -> None:
    guard = load_guard(built("uld").folder, whole.path, served.tokenizer)
    assert isinstance(guard, LogitsGuard)
    with pytest.raises(GuardError, match="without a model"):
        guard.answers(["?"])


def test_the_module_needs_no_vllm_until_its_class_is_asked_for() -> None:
    assert "vllm" not in sys.modules
    with pytest.raises(ModuleNotFoundError, match="vllm"):
        adapter.GuardProcessor  # noqa: B018 - asking for it imports vLLM
    with pytest.raises(AttributeError):
        adapter.Other  # noqa: B018 - there is none
