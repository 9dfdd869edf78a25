"""What every loaded guard offers, and the kind that works on a served model's logits.

``answers`` is the same call for all of them: prompts in, guarded answers out. A guard never
changes the model it is given; without the guard the model answers as if there had never been one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import LogitsProcessor, LogitsProcessorList

from contract.guard import GuardError, GuardManifest
from unlearning.guards.shell import fits

TOKENS = 64


class Guard(ABC):
    """A guard that was read from its folder and can be asked."""

    def __init__(self, folder: Path, manifest: GuardManifest) -> None:
        self.folder, self.manifest = folder, manifest

    @property
    def settings(self) -> Mapping[str, Any]:
        """Return what the guard was built with."""
        return self.manifest.settings

    @abstractmethod
    def answers(self, prompts: Sequence[str], **generation: Any) -> list[str]:
        """Return the guarded answer to each prompt."""


class LogitsGuard(Guard):
    """A guard that changes next-token scores; ``source`` is the model, or the model's folder.

    With a folder alone the guard has no model to generate with, but it can still guard another
    engine that holds the weights. Raises :class:`GuardError` for a model of another architecture.
    """

    def __init__(
        self,
        folder: Path,
        manifest: GuardManifest,
        source: nn.Module | Path,
        tokenizer: Any,
        device: torch.device | None = None,
    ) -> None:
        super().__init__(folder, manifest)
        if fits(source) != dict(manifest.fits):
            raise GuardError("the guard was made for a model of another architecture")
        self.source, self.tokenizer, self.device = source, tokenizer, device
        self.opened()

    @abstractmethod
    def opened(self) -> None:
        """Load what the folder holds."""

    @abstractmethod
    def processor(self, attention_mask: Tensor) -> LogitsProcessor:
        """Return the processor of one call, for prompts with this mask [prompts, width]."""

    def processors(self, inputs: Mapping[str, Tensor]) -> LogitsProcessorList:
        """Return what ``generate(**inputs, logits_processor=...)`` takes, for one call of it."""
        return LogitsProcessorList([self.processor(inputs["attention_mask"])])

    def answers(self, prompts: Sequence[str], **generation: Any) -> list[str]:
        """Return the guarded answers of the model that the guard was loaded with."""
        if not isinstance(self.source, nn.Module):
            raise GuardError("the guard was loaded without a model; give it one to ask it")
        inputs = encoded(self.tokenizer, prompts).to(self.source.device)
        return generated(self.source, self.tokenizer, inputs, self.processors(inputs), **generation)


def encoded(tokenizer: Any, prompts: Sequence[str]) -> Any:
    """Return ids and mask of prompts, padded on the left.

    A chat template has put the start token there already; it is not put there twice.
    """
    start = getattr(tokenizer, "bos_token", None)
    return tokenizer(
        [prompt.rstrip(" ") for prompt in prompts],
        return_tensors="pt",
        padding=len(prompts) > 1,
        padding_side="left",
        return_token_type_ids=False,
        add_special_tokens=not (start and all(prompt.startswith(start) for prompt in prompts)),
    )


@torch.inference_mode()
def generated(
    model: Any, tokenizer: Any, inputs: Any, processors: LogitsProcessorList, **generation: Any
) -> list[str]:
    """Return what the model writes after the prompts; greedy unless told otherwise."""
    pad = tokenizer.pad_token_id
    output = model.generate(
        **inputs,
        logits_processor=processors,
        pad_token_id=tokenizer.eos_token_id if pad is None else pad,
        **{"max_new_tokens": TOKENS, "do_sample": False, **generation},
    )
    width = inputs["input_ids"].shape[1]
    texts: list[str] = tokenizer.batch_decode(output[:, width:], skip_special_tokens=True)
    return texts
