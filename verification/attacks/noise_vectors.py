"""Disturb MLP value vectors with noise: what a model answers worse then hung on them.

The causal test of the ConceptVectors benchmark (arXiv 2406.11614): normal noise of deviation 0.1
on every number of a vector. In a large model that is several times the numbers' own spread.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch

from verification.families.causal_lm import CausalLM


def noise_vectors(
    model: CausalLM, units: Mapping[str, list[int]], deviation: float, seed: int, key: str
) -> CausalLM:
    """Return a copy with noise N(0, deviation^2) added to the value vectors at ``units``."""
    copy = model.copied(key)
    target = copy.value_matrices()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, rows in units.items():
            noise = torch.randn(len(rows), target[name].shape[1], generator=generator)
            target[name][rows] += (deviation * noise).to(target[name])
    return copy
