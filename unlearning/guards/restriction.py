"""The restriction of GUARD at serving: forbid the retrieved answers, lean away from their words.

Only where the detector fires. Hard: a token that completes a suppressed run of words of one of the
retrieved answers is forbidden, whatever its spelling in tokens; the runs are kept as keyed digests,
where the paper walks a trie of plain tokens. Soft: the scores of tokens whose embedding points
where a retrieved answer's does are lowered, so that a beam turns away before the last word:

    score(v) -= soft * max_a max(0, cos(E[v], a) - turn) / (1 - turn).

In beam search the penalised scores add up along each beam, and the best beam is the answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional
from transformers import LogitsProcessor

from contract.canonical import read_json
from contract.containment import ngram_digest
from unlearning.guards.detection import Detector, nearest, states
from unlearning.guards.serving import LogitsGuard
from unlearning.guards.shell import first_layers
from unlearning.guards.tokens import TokenFilter

STORE, TENSORS = "answers.json", "detector.safetensors"
BLOCK = 8192


class Runs:
    """Runs of words as keyed digests; what :class:`TokenFilter` asks."""

    def __init__(self, key: bytes, digests: frozenset[str], lengths: Sequence[int]) -> None:
        self._key, self._digests, self._lengths = key, digests, tuple(lengths)
        self.longest = max(lengths, default=0)

    def ends_in(self, items: Sequence[str], start: int) -> bool:
        """Say whether a suppressed run ends at word ``start`` or later."""
        return any(
            ngram_digest(self._key, items[end - length : end]) in self._digests
            for end in range(start + 1, len(items) + 1)
            for length in self._lengths
            if length <= end
        )


@dataclass(frozen=True)
class Plan:
    """What is held against one prompt: a filter, and what the scores [vocabulary] lose."""

    filter: TokenFilter
    penalty: Tensor | None


class RestrictionLogitsProcessor(LogitsProcessor):
    """Restricts the rows whose prompt the detector knows; the others keep their scores."""

    supports_continuous_batching = False

    def __init__(self, guard: RestrictionGuard, attention_mask: Tensor) -> None:
        self._guard, self._mask = guard, attention_mask
        self._plans: list[Plan | None] | None = None

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Return the scores [rows, vocabulary], with what is forbidden at minus infinity."""
        each, left = divmod(input_ids.shape[0], self._mask.shape[0])
        if left or not each:
            raise ValueError("the rows are not those of the prompts that the guard was made for")
        if self._plans is None:
            self._plans = self._planned(input_ids[::each])
        guarded = scores.clone()
        for row, ids in enumerate(input_ids):
            plan = self._plans[row // each]
            if plan is not None:
                guarded[row] = self._restricted(plan, ids, scores[row], row // each)
        return guarded

    def _planned(self, prompts: Tensor) -> list[Plan | None]:
        width = self._mask.shape[1]
        rows = [
            ids[:width][mask.bool().to(ids.device)].tolist()
            for ids, mask in zip(prompts, self._mask, strict=True)
        ]
        return self._guard.plans(rows)

    def _restricted(self, plan: Plan, ids: Tensor, scores: Tensor, prompt: int) -> Tensor:
        if plan.penalty is not None:
            scores = scores - plan.penalty.to(scores)
        padding = int((self._mask[prompt] == 0).sum())
        return plan.filter.guarded(ids[padding:].tolist(), scores)


class RestrictionGuard(LogitsGuard):
    """A guard of the kind ``guard``."""

    def opened(self) -> None:
        """Load detector and digests, and the first layers of the model that the detector reads."""
        self._shell = first_layers(self.source, int(self.settings["layers"]), self.device)
        tensors = load_file(str(self.folder / TENSORS))
        self._entries = tensors.pop("entries")
        self._vectors = tensors.pop("vectors", None)
        detector = Detector(self._entries.shape[1], int(self.settings["hidden"]))
        detector.load_state_dict(tensors)
        self._detector = detector.to(next(self._shell.parameters()).device).eval()
        store: Mapping[str, Any] = read_json(self.folder / STORE)
        self._key = bytes.fromhex(store["key"])
        self._answers = [frozenset(item) for item in store["answers"]]
        self._lengths = tuple(store["lengths"])

    def processor(self, attention_mask: Tensor) -> LogitsProcessor:
        """Return the processor of one call, for prompts with this mask [prompts, width]."""
        return RestrictionLogitsProcessor(self, attention_mask)

    def answers(self, prompts: Sequence[str], **generation: Any) -> list[str]:
        """Return the guarded answers; beam search as wide as the guard was built for."""
        return super().answers(prompts, **{"num_beams": self.settings["beams"], **generation})

    @torch.inference_mode()
    def detected(self, prompts: Sequence[Sequence[int]]) -> list[bool]:
        """Say of each prompt, as ids, whether the detector fires."""
        fires = self._detector(states(self._shell, prompts)) >= self._detector.threshold
        found: list[bool] = fires.tolist()
        return found

    @torch.inference_mode()
    def plans(self, prompts: Sequence[Sequence[int]]) -> list[Plan | None]:
        """Return what is held against each prompt; None where the detector is silent."""
        features = states(self._shell, prompts)
        fires = self._detector(features) >= self._detector.threshold
        standard = self._detector.standard(features.mean()).cpu()
        return [
            self._plan(nearest(state, self._entries, self.settings["retrieve"])) if on else None
            for state, on in zip(standard, fires.tolist(), strict=True)
        ]

    def _plan(self, entries: list[int]) -> Plan:
        digests = frozenset().union(*(self._answers[entry] for entry in entries))
        runs = Runs(self._key, digests, self._lengths)
        tried = TokenFilter(self.tokenizer, runs, self.settings["candidates"])
        return Plan(tried, self._penalty(entries))

    def _penalty(self, entries: list[int]) -> Tensor | None:
        if self._vectors is None or not self.settings["soft"]:
            return None
        table = self._shell.get_input_embeddings().weight
        away = functional.normalize(self._vectors[entries], dim=-1).to(table.device)
        near = torch.cat(
            [
                (functional.normalize(rows.float(), dim=-1) @ away.T).max(-1).values
                for rows in table.split(BLOCK)
            ]
        )
        turn = self.settings["turn"]
        lost: Tensor = self.settings["soft"] * (near - turn).clamp_min(0) / (1 - turn)
        lost[self.tokenizer.all_special_ids] = 0.0
        return lost


def answer_vector(table: Tensor, ids: Sequence[int]) -> Tensor:
    """Return the mean direction [hidden] of an answer's token embeddings."""
    rows = functional.normalize(table[torch.tensor(list(ids), device=table.device)].float(), dim=-1)
    return rows.mean(0).cpu()


def folder_of(output: Path) -> tuple[Path, Path]:
    """Return where the digests and where the tensors of a guard stand."""
    return output / STORE, output / TENSORS
