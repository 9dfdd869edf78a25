"""Opening a guard's folder: every byte is checked first, then the right class reads it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from contract.guard import GuardError, read_guard
from unlearning.guards.agents import AgentGuard
from unlearning.guards.assistant import AssistantGuard
from unlearning.guards.incontext import ContextGuard
from unlearning.guards.restriction import RestrictionGuard
from unlearning.guards.serving import Guard, LogitsGuard
from unlearning.guards.speakers import LocalSpeaker, Speaker

LOGITS: Mapping[str, type[LogitsGuard]] = {"uld": AssistantGuard, "guard": RestrictionGuard}
TALK: Mapping[str, type[AgentGuard | ContextGuard]] = {"alu": AgentGuard, "icu": ContextGuard}


def load_guard(
    folder: Path | str,
    model: nn.Module | Path | Speaker,
    tokenizer: Any = None,
    *,
    digest: str | None = None,
    device: torch.device | None = None,
) -> Guard:
    """Open the guard of a folder for a model; ``digest`` pins the folder's bytes.

    ``model`` is a transformers model with its ``tokenizer``, the model's folder (for an engine
    that holds the weights itself; ``device`` is where the guard then computes), or for ``alu`` and
    ``icu`` anything that speaks (an endpoint).
    Raises :class:`GuardError`.
    """
    folder = Path(folder)
    manifest = read_guard(folder, digest)
    if manifest.kind in TALK:
        speaker = LocalSpeaker(model, tokenizer) if isinstance(model, nn.Module) else model
        if not isinstance(speaker, Speaker):
            raise GuardError(f"a guard of the kind {manifest.kind!r} needs a model that speaks")
        return TALK[manifest.kind](folder, manifest, speaker)
    if not isinstance(model, nn.Module | Path):
        raise GuardError(f"a guard of the kind {manifest.kind!r} needs the model's own weights")
    return LOGITS[manifest.kind](folder, manifest, model, tokenizer, device)
