"""How the engine trains, whatever the method: settings that every gradient method embeds."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from contract.record import FROZEN

Precision = Literal["float32", "autocast", "bfloat16"]
Saved = Literal["whole", "adapter"]


@dataclass(frozen=True, config=FROZEN)
class EngineSettings:
    """How a step is computed and what is kept; none of it changes what a step means.

    ``precision``: ``float32``; ``autocast`` computes in bf16 on 32-bit weights; ``bfloat16``
    holds the weights in bf16 too and steps on 32-bit master copies (a pure bf16 step of 1e-5 would
    be rounded away). ``save``: a whole model, or the adapter that a LoRA selector trained; a model
    that is an adapter on a base is merged for the first and trained further as that adapter for
    the second. ``pieces``: into how many pieces a batch is cut, one after the other, their
    gradients added. ``checkpointing`` computes activations again in the backward pass instead of
    keeping them. A step whose gradient is not finite, or ``spike`` times the usual one, is left
    out; after ``spikes`` such steps in a row the run ends.
    """

    precision: Precision = "float32"
    save: Saved = "whole"
    pieces: int = Field(default=1, ge=1)
    checkpointing: bool = False
    spike: float = Field(default=1000.0, gt=1)
    spikes: int = Field(default=3, ge=1)
