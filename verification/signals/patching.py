"""Run a model with the inner states of another one put in its place (activation patching).

For every sample the source model reads prompt + answer first. Then, layer by layer, the target
model reads the same answer after its own prompt, while the residual stream that leaves that
layer, at the positions that predict the answer's tokens, is replaced by the source's. What the
target then gives the answer shows what the source's state at that depth holds; everything at
other positions is the target's own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from contract.record import Form
from verification.families.causal_lm import CausalLM, Encoded
from verification.signals.anatomy import Anatomy
from verification.signals.asking import Signals
from verification.signals.forward import NotFiniteError, answer_tokens, batches, padded

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Graft:
    """One sample: ``answer`` after ``prompt`` in the target, after ``source_prompt`` in the source.

    The two prompts differ where the source's state should know nothing of the target's prompt.
    """

    prompt: str
    answer: str
    source_prompt: str


def misfit(target: CausalLM, source: CausalLM) -> str | None:
    """Say why states of one model cannot be put into the other, or ``None`` if they can."""
    one, two = (item.model.config for item in (target, source))
    if any(
        getattr(one, name, None) != getattr(two, name, None)
        for name in ("model_type", "num_hidden_layers", "hidden_size", "vocab_size")
    ):
        return "the models' inner states have different shapes"
    if target.tokenizer.get_vocab() != source.tokenizer.get_vocab():
        return "the models cut texts into different tokens"
    return None


def patched(
    signals: Signals, target: CausalLM, source: CausalLM, grafts: Sequence[Graft]
) -> Floats:
    """Return [samples, layers + 1] mean log-probabilities of the answers (nats a token).

    Column 0 is the target left alone, column ``l`` the target with the source's state after
    block ``l``. No token counts as less likely than a blind guess. Costs one pass of the source
    and ``layers + 1`` of the target per sample.

    Raises:
        UnknownAnatomyError: if a model is not a stack of blocks.
        NotFiniteError: if the patched model's logits are not finite numbers.
    """
    bodies = Anatomy.of(target), Anatomy.of(source)
    own = [target.encode(Form(item.prompt, item.answer)) for item in grafts]
    given = [
        _after(source.encode(Form(graft.source_prompt, graft.answer)), sample.answer)
        for graft, sample in zip(grafts, own, strict=True)
    ]
    found = np.zeros((len(grafts), len(bodies[0].blocks) + 1))
    for batch in batches(own, target.vocabulary):
        signals.pulse()
        rows = [own[index] for index in batch]
        sources = [given[index] for index in batch]
        with torch.inference_mode():
            states = _states(source, bodies[1], sources)
            found[batch] = _levels(target, bodies[0], rows, states)
        tokens = sum(len(item.ids) for item in rows)
        signals.count(len(batch), sum(len(item.ids) for item in sources))
        signals.count(len(batch) * found.shape[1], tokens * found.shape[1])
    return found


def _after(sample: Encoded, answer: tuple[int, ...]) -> Encoded:
    """Return the sample with exactly these answer tokens after its prompt."""
    return Encoded((*sample.ids[: sample.start], *answer), sample.start)


def _states(source: CausalLM, anatomy: Anatomy, batch: Sequence[Encoded]) -> list[Tensor]:
    """Return, by block, the source's states [answer tokens, hidden] where they are predicted."""
    rows, positions, _ = answer_tokens(batch)
    with anatomy.listening() as heard:
        source.answer_logits(*padded(batch, source.device), rows, positions)
    return [stream[rows, positions] for stream in heard[1:]]


def _levels(
    target: CausalLM, anatomy: Anatomy, batch: Sequence[Encoded], states: Sequence[Tensor]
) -> Floats:
    rows, positions, targets = answer_tokens(batch)
    counts = [len(item.answer) for item in batch]

    def read() -> Floats:
        ids, mask = padded(batch, target.device)
        logits = target.answer_logits(ids, mask, rows, positions).cpu()
        if not bool(torch.isfinite(logits).all()):
            message = "the patched model's logits are not finite numbers"
            raise NotFiniteError(message, target.key)
        own = torch.log_softmax(logits, -1).gather(-1, targets[:, None])[:, 0]
        bounded = own.clamp_min(-math.log(logits.shape[-1])).double()
        return np.array([float(piece.mean()) for piece in bounded.split(counts)])

    def writer(state: Tensor) -> Callable[[Tensor], Tensor]:
        def write(stream: Tensor) -> Tensor:
            changed = stream.clone()
            changed[rows, positions] = state.to(changed)
            return changed

        return write

    columns = [read()]
    for block, state in enumerate(states):
        with anatomy.replacing(block, writer(state)):
            columns.append(read())
    return np.stack(columns, axis=1)
