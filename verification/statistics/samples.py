"""The one place where samples are checked before a statistic reads them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Values = ArrayLike | Iterable[float]
"""What a statistic takes: a list, tuple, array, generator, view of a mapping ... of numbers."""


def sample(values: Values, name: str = "sample", minimum: int = 1) -> Floats:
    """Return ``values`` as a flat float array.

    Raises:
        ValueError: if it is not one-dimensional, holds fewer than ``minimum`` values, or holds
            one that is not a finite number (a model that returned NaN has no statistics).
    """
    listed = isinstance(values, Iterable) and not isinstance(values, np.ndarray | str | bytes)
    try:
        array = np.asarray(list(values) if listed else values, dtype=np.float64)  # type: ignore[arg-type]  # listed says it is iterable
    except (TypeError, ValueError):
        message = f"{name} must hold numbers"
        raise ValueError(message) from None
    if array.ndim != 1:
        message = f"{name} must be one-dimensional, not of shape {array.shape}"
        raise ValueError(message)
    if array.size < minimum:
        message = f"{name} needs at least {minimum} value(s), not {array.size}"
        raise ValueError(message)
    if not np.isfinite(array).all():
        message = f"{name} holds values that are not finite"
        raise ValueError(message)
    return array


def unit_interval(value: float, name: str) -> float:
    """Return ``value`` if it lies strictly between 0 and 1, else raise ``ValueError``."""
    if not 0.0 < value < 1.0:
        message = f"{name} must lie strictly between 0 and 1, not {value}"
        raise ValueError(message)
    return value
