"""The assistant of ULD at serving: a small model that knows only what must not be said.

Its log-probabilities are taken off those of the served model at every step,

    log p(v) = log p_model(v) - w * log p_assistant(v), over the tokens v that stay,

then normalised. The tokens that stay are those whose probability is at least ``top`` times the
likeliest one's, and never fewer than ``least``: a model that has memorised an answer is so sure of
it that the paper's filter alone would leave nothing but that answer. Where the assistant knows
nothing it is uniform, and taking it off changes no order.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import LogitsProcessor

from unlearning.guards.follower import Follower
from unlearning.guards.serving import LogitsGuard
from unlearning.guards.shell import first_layers

WEIGHTS = "assistant.safetensors"


def subtracted(
    scores: Tensor, assistant: Tensor, *, weight: float, top: float, least: int
) -> Tensor:
    """Return log-probabilities [rows, vocabulary] of the model without what the assistant knows.

    ``scores`` are the model's logits or log-probabilities, ``assistant`` the assistant's. Tokens
    that do not stay are at minus infinity.
    """
    own = scores.float().log_softmax(-1)
    sure = own.max(-1, keepdim=True).values + math.log(top)
    kept = min(least, own.shape[-1])
    floor = torch.minimum(sure, own.topk(kept, dim=-1).values[..., -1:])
    left = own - weight * assistant.float().log_softmax(-1)
    left = left.masked_fill((own < floor) | own.isneginf(), -torch.inf)
    return left.log_softmax(-1).to(scores.dtype)


def from_uniform(logits: Tensor) -> Tensor:
    """Return KL(uniform || p) of every token's prediction, [tokens], in nats."""
    log_probs = logits.float().log_softmax(-1)
    return -log_probs.mean(-1) - math.log(logits.shape[-1])


def new_assistant(
    model: nn.Module | Path,
    settings: Mapping[str, Any],
    seed: int = 0,
    device: torch.device | None = None,
) -> Any:
    """Return the first layers of a model with fresh low-rank adapters (the only trained part)."""
    shell = first_layers(model, int(settings["layers"]), device)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        config = LoraConfig(
            r=settings["rank"],
            lora_alpha=settings["alpha"],
            target_modules="all-linear",
            task_type="CAUSAL_LM",
        )
        return get_peft_model(shell, config).to(shell.device)


def save_assistant(assistant: Any, folder: Path) -> None:
    """Write the adapters alone: the rest of the assistant is the served model itself."""
    state = get_peft_model_state_dict(assistant)
    save_file({name: value.detach().cpu().contiguous() for name, value in state.items()},
              str(folder / WEIGHTS))  # fmt: skip


class AssistantLogitsProcessor(LogitsProcessor):
    """Takes the assistant's log-probabilities off the scores of one call of ``generate``."""

    supports_continuous_batching = False

    def __init__(self, follower: Follower, *, weight: float, top: float, least: int) -> None:
        self._follower = follower
        self._weight, self._top, self._least = weight, top, least

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Return the scores [rows, vocabulary] without what the assistant knows."""
        assistant = self._follower.logits(input_ids).to(scores.device)
        return subtracted(scores, assistant, weight=self._weight, top=self._top, least=self._least)


class AssistantGuard(LogitsGuard):
    """A guard of the kind ``uld``."""

    def opened(self) -> None:
        """Load the assistant; it shares the tensors of the model in memory, if one is."""
        self._assistant = new_assistant(self.source, self.settings, device=self.device)
        set_peft_model_state_dict(self._assistant, load_file(str(self.folder / WEIGHTS)))
        self._assistant.eval()

    def processor(self, attention_mask: Tensor) -> LogitsProcessor:
        """Return the processor of one call, for prompts with this mask [prompts, width]."""
        mask = attention_mask.to(next(self._assistant.parameters()).device)
        follower = Follower(self._assistant, mask)
        kept = {name: self.settings[name] for name in ("weight", "top", "least")}
        return AssistantLogitsProcessor(follower, **kept)
