"""Put the original's MLP value vectors back into the model that was meant to forget.

If the facts return, the rest of the model still pointed at them: they were hidden, not removed
(the intervention of the ConceptVectors benchmark, arXiv 2406.11614, turned round).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch

from verification.families.causal_lm import CausalLM


def restore_vectors(
    model: CausalLM, original: CausalLM, units: Mapping[str, list[int]], key: str
) -> CausalLM:
    """Return a copy of ``model`` with the original's value vectors at ``units``.

    ``units`` maps a value matrix's name to row indices of its [units, hidden] view.
    """
    copy = model.copied(key)
    source, target = original.value_matrices(), copy.value_matrices()
    with torch.no_grad():
        for name, rows in units.items():
            target[name][rows] = source[name][rows].to(target[name])
    return copy
