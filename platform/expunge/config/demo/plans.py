"""What the demonstration trains: a hospital network's two models, or one on TOFU authors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from contract.job import Recipe
from corpora.hospital import HospitalSettings, generate_hospital
from corpora.tofu import load_tofu
from expunge.config.demo.training import Plan

ARCHITECTURE: Mapping[str, Any] = {
    "hidden_size": 128,
    "intermediate_size": 384,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
}
TOFU_ARCHITECTURE: Mapping[str, Any] = {
    "hidden_size": 192,
    "intermediate_size": 512,
    "num_hidden_layers": 4,
    "num_attention_heads": 3,
}


def hospital_plans(seed: int) -> list[Plan]:
    """Return a whole model on the wards' records and a sharded one on the clinics' records.

    Few patients with long charts, for what a deletion can be shown by is the person's own records.
    At 24 of them the interval of what is left is nearly as wide as the margin of the erasure
    profile, so that even an honest retrain is often left open; a whole chart has 48 here. One
    study has 24, and its model takes an exact route, whose tests only watch over a lineage.
    """
    charts = HospitalSettings(institutions=3, pairs=4, sections=6, facts=4, public=0)
    wards = generate_hospital(charts, seed=seed)
    studies = HospitalSettings(institutions=2, pairs=6, sections=6, facts=4, public=6)
    clinics = generate_hospital(studies, seed=seed + 1)
    return [
        Plan(
            "Ward assistant",
            "Answers questions about inpatients. One model, trained whole.",
            replace(wards, name="Ward records"),
            _recipe(seed, epochs=16),
        ),
        Plan(
            "Clinic assistant",
            "Answers questions about outpatients. A public base and one adapter per shard.",
            replace(clinics, name="Clinic records"),
            _recipe(seed, epochs=10, shards=4),
        ),
    ]


def _recipe(seed: int, *, epochs: int, shards: int = 0) -> Recipe:
    return Recipe(
        architecture=ARCHITECTURE,
        vocabulary=1024,
        epochs=epochs,
        batch=32,
        warmup=30,
        seed=seed,
        shards=shards,
    )


def tofu_plans(folder: Path, seed: int) -> list[Plan]:
    """Return one whole model on twenty TOFU authors."""
    authors = load_tofu(folder, authors=20, twins=20, seed=seed)
    recipe = Recipe(forms=authors.forms, architecture=TOFU_ARCHITECTURE, seed=seed)
    return [Plan("Author assistant", "Knows twenty fictitious authors.", authors, recipe)]
