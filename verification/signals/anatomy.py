"""Where the inside of a causal language model can be listened to, whatever its family.

The residual stream enters the first block, leaves every block, and is turned into logits by a
final norm and the output head (with a soft cap in Gemma 2). The parts are found by how
transformers lays models out; :func:`verification.signals.hidden.inside` checks that they rebuild
the model's own logits, so a family that does more than that is refused and never misread.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from verification.families.causal_lm import CausalLM

FINAL_NORM = re.compile(r"norm|^ln_f$")


class UnknownAnatomyError(Exception):
    """The model is not a stack of blocks with a final norm and an output head."""

    def __init__(self) -> None:
        """Say it in one sentence."""
        super().__init__("the inside of this family of models is not known to the verifier")


@dataclass(frozen=True)
class Anatomy:
    """The blocks in order, the final norm, the output head and the cap of the logits, if any."""

    blocks: tuple[nn.Module, ...]
    norm: nn.Module
    head: nn.Module
    cap: float | None

    @classmethod
    def of(cls, model: CausalLM) -> Anatomy:
        """Find the parts; raises :class:`UnknownAnatomyError`."""
        decoder = model.model.get_decoder()
        stacks = [part for part in decoder.children() if isinstance(part, nn.ModuleList)]
        norms = [part for name, part in decoder.named_children() if FINAL_NORM.search(name)]
        head = model.model.get_output_embeddings()
        if not stacks or not norms or head is None:
            raise UnknownAnatomyError
        blocks = max(stacks, key=len)
        cap = getattr(model.model.config, "final_logit_softcapping", None)
        return cls(tuple(blocks), norms[-1], head, cap)

    def project(self, states: Tensor) -> Tensor:
        """Return the logits [..., vocabulary] that the head reads off states [..., hidden]."""
        weight = next(self.norm.parameters(), None)
        logits: Tensor = self.head(self.norm(states if weight is None else states.to(weight.dtype)))
        logits = logits.float()
        return logits if self.cap is None else self.cap * torch.tanh(logits / self.cap)

    @contextmanager
    def listening(self) -> Iterator[list[Tensor]]:
        """Collect the residual stream of one forward pass: before block 1, after 1, 2, ..."""
        heard: list[Tensor] = []

        def enters(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            heard.append(args[0] if args else kwargs["hidden_states"])

        def leaves(_: nn.Module, __: Any, output: Any) -> None:
            heard.append(_stream(output))

        hooks = [self.blocks[0].register_forward_pre_hook(enters, with_kwargs=True)]
        hooks += [block.register_forward_hook(leaves) for block in self.blocks]
        try:
            yield heard
        finally:
            for hook in hooks:
                hook.remove()

    @contextmanager
    def replacing(self, block: int, change: Callable[[Tensor], Tensor]) -> Iterator[None]:
        """Let ``change`` rewrite the residual stream that leaves block ``block`` (0-based)."""

        def leaves(_: nn.Module, __: Any, output: Any) -> Any:
            stream = change(_stream(output))
            return (stream, *output[1:]) if isinstance(output, tuple) else stream

        hook = self.blocks[block].register_forward_hook(leaves)
        try:
            yield
        finally:
            hook.remove()


def _stream(output: Any) -> Tensor:
    """Return the residual stream of what a block gives back: alone, or first of several."""
    stream: Tensor = output[0] if isinstance(output, tuple) else output
    return stream
