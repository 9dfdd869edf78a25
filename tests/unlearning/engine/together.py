"""One of several processes that train tiny models together; writes what it saw as JSON.

Started by the tests with ``torchrun``, or called by them to do the same alone.
"""

from __future__ import annotations

import json
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from torch import Tensor

from contract.event import EventLog
from contract.job import Recipe, UnlearningJob, write_job
from tests.unlearning.engine.tiny import lesson, tiny
from unlearning.adapters import inner
from unlearning.data import collate
from unlearning.engine import EngineSettings, Phase, Piece, Schedule, fit, processes, within
from unlearning.losses.forward import answer_nll, blocks_of, layer_states
from unlearning.spec import Context

KINDS = ("llama", "gpt2", "llama+lora")
STEPS = 4


def train(kind: str, work: Path, *, fail_at: int | None = None) -> dict[str, Any]:
    """Train a few steps on nine samples; returns what was measured before, losses and weights."""
    device, samples = torch.device("cpu"), lesson(9)
    work.mkdir(parents=True, exist_ok=True)
    write_job(work, UnlearningJob("train", Recipe()))
    stop = threading.Event()
    context = Context(
        work, UnlearningJob("train", Recipe()), device, EventLog(work), work, work, stop, 0.0
    )
    whole = tiny(kind.partition("+")[0])
    if processes.several():
        processes.shard(whole, list(blocks_of(whole)), device)
    with torch.inference_mode():
        before = within(whole, lambda: answer_nll(whole, collate(samples))).tolist()
    module = _adapted(whole) if "lora" in kind else whole
    tokens, losses = sum(sample.answer_length for sample in samples), []

    def loss(step: int, piece: Piece) -> dict[str, Tensor]:
        if step == fail_at:
            raise InterruptedError
        batch = collate(piece.of(samples[: 1 if step == 1 else None]))  # a small last batch
        told = answer_nll(inner(module), batch).sum() / tokens
        near = layer_states(inner(module), batch, 0).square().sum() / (1000 * tokens)
        return {"told": told, "near": near}

    phase = Phase(
        kind,
        module,
        Schedule(STEPS, 1e-2),
        loss,
        pieces=lambda step: 1 if step == 1 else 9,
        engine=EngineSettings(pieces=2),
    )
    losses.append(fit(context, phase).loss)
    state = processes.full_state(module) if processes.several() else module.state_dict()
    sums = {name: item.double().abs().sum().item() for name, item in state.items()}
    return {"before": before, "losses": losses, "sums": sums}


def _adapted(model: Any) -> Any:
    torch.manual_seed(1)
    return get_peft_model(model, LoraConfig(r=2, target_modules=["down_proj", "q_proj"]))


def main(folder: Path) -> None:
    """Train every kind, one of them with an interruption, and write what came out."""
    torch.set_num_threads(1)
    place = folder / str(processes.rank())
    found = {}
    for kind in KINDS:
        if kind == "llama":
            with suppress(InterruptedError):
                train(kind, place / kind, fail_at=2)
        found[kind] = train(kind, place / kind)
    (place / "found.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
