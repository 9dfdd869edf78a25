"""The settings of the step wrappers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from contract.record import FROZEN


@dataclass(frozen=True, config=FROZEN)
class Sam:
    """Sharpness-aware minimisation; ``rho`` is the length of the move."""

    kind: Literal["sam"] = "sam"
    rho: float = Field(default=0.01, gt=0)


@dataclass(frozen=True, config=FROZEN)
class Smoothing:
    """Randomised smoothing over ``draws`` of noise with standard deviation ``sigma``."""

    kind: Literal["smoothing"] = "smoothing"
    sigma: float = Field(default=1e-4, gt=0)
    draws: int = Field(default=3, ge=1)


@dataclass(frozen=True, config=FROZEN)
class GradientNorm:
    """A penalty on the length of the forget gradient."""

    kind: Literal["gradient_norm"] = "gradient_norm"
    weight: float = Field(default=0.01, gt=0)


@dataclass(frozen=True, config=FROZEN)
class Curvature:
    """A penalty on how much the forget gradient changes over a move of length ``mu``."""

    kind: Literal["curvature"] = "curvature"
    weight: float = Field(default=0.01, gt=0)
    mu: float = Field(default=1e-2, gt=0)


@dataclass(frozen=True, config=FROZEN)
class Averaging:
    """The mean of the weights after step ``start`` and every ``every`` steps from there."""

    kind: Literal["averaging"] = "averaging"
    start: int = Field(default=100, ge=1)
    every: int = Field(default=5, ge=1)


Wrap = Annotated[
    Sam | Smoothing | GradientNorm | Curvature | Averaging, Field(discriminator="kind")
]
