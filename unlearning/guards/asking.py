"""Opening a guard together with what it guards, as the command line names it."""

from __future__ import annotations

from pathlib import Path

import torch

from contract.guard import GuardError
from unlearning.guards.loading import load_guard
from unlearning.guards.serving import Guard
from unlearning.guards.speakers import EndpointSpeaker
from unlearning.models import load_model, load_tokenizer


def guard_open(
    folder: Path, model: Path | None, endpoint: tuple[str, str] | None, digest: str | None
) -> Guard:
    """Open a guard over a model's folder, or over an endpoint's address and model name."""
    if endpoint is not None:
        try:
            speaker = EndpointSpeaker(*endpoint)
        except ValueError as error:
            raise GuardError(str(error)) from error
        return load_guard(folder, speaker, digest=digest)
    if model is None:
        raise GuardError("name the model to ask: --model FOLDER, or --endpoint URL")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return load_guard(folder, load_model(model, device), load_tokenizer(model), digest=digest)
