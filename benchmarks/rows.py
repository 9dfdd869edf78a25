"""The rows of the ladder: which method, with which settings, on which kind of model.

A row without an entry here is the method of its name at its defaults. Defaults are for models of a
usual size; a world of two layers wants larger steps, and so the rows say which they take. Nobody
tuned them on the worlds of the ladder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

PHASE = {"learning_rate": 5e-4, "steps": 200}
"""A gradient phase on a model of two layers."""
SHARDS: Mapping[str, Any] = {"shards": 4, "slices": 2}
STACKS: Mapping[str, Any] = {**SHARDS, "permutations": 2}


@dataclass(frozen=True)
class Row:
    """A method and its settings; ``recipe`` is how its original was trained differently."""

    method: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    recipe: Mapping[str, Any] = field(default_factory=dict)


ROWS: Mapping[str, Row] = MappingProxyType(
    {
        "concept_vectors": Row("concept_vectors", {"share": 0.5}),
        "chip": Row("chip", {"neurons": 1.0, "layers": 1.0}),
        **{
            name: Row(name, PHASE)
            for name in (
                "gradient_ascent",
                "grad_diff",
                "kl_min",
                "simnpo",
                "wga",
                "satimp",
                "pdu",
                "idk",
                "dpo",
            )
        },
        "npo-ceiling": Row("npo", {**PHASE, "ceiling": 1.2}),
        "ce_u": Row("ce_u", {**PHASE, "retain_term": "nll"}),
        "undial": Row("undial", {**PHASE, "retain_term": "nll"}),
        "flat": Row("flat", {**PHASE, "retain_term": "nll"}),
        "alt_po": Row("alt_po", {**PHASE, "alternatives": {"tokens": 24}}),
        "rmu": Row("rmu", {**PHASE, "learning_rate": 1e-2, "retain_weight": 10.0}),
        "loku": Row("loku", {**PHASE, "learning_rate": 2e-3}),
        "whp": Row("whp", {**PHASE, "learning_rate": 1e-3}),
        "task_vector": Row("task_vector", {"learning_rate": 1e-3}),
        "layered": Row("layered", {"folds": 2, "unlearn": PHASE}),
        "weight_regularised": Row("weight_regularised", {"unlearn": PHASE}),
        "drop_shard": Row("drop_shard", recipe=SHARDS),
        "sisa": Row("sisa", recipe=SHARDS),
        "adapter_drop": Row("adapter_drop", recipe=SHARDS),
        "retrain-sharded": Row("retrain", recipe=SHARDS),
        "s3t": Row("s3t", recipe=STACKS),
    }
)


def row_of(name: str) -> Row:
    """Return a row by its name."""
    return ROWS.get(name) or Row(name)
