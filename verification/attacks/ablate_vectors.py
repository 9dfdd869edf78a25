"""Take MLP value vectors out of a model: what it no longer knows then, they carried."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from verification.families.causal_lm import CausalLM


def ablate_vectors(model: CausalLM, units: Mapping[str, list[int]], key: str) -> CausalLM:
    """Return a copy with the value vectors at ``units`` (matrix name to rows) set to zero."""
    copy = model.copied(key)
    target = copy.value_matrices()
    with torch.no_grad():
        for name, rows in units.items():
            target[name][rows] = 0.0
    return copy
