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
    """Return a whole model on the wards' records and a sharded one on the clinics' records."""
    wards = generate_hospital(HospitalSettings(), seed=seed)
    # Fewer patients with longer studies: one study alone is enough to be tested.
    longer = HospitalSettings(institutions=2, pairs=6, sections=6, facts=4, public=6)
    clinics = generate_hospital(longer, seed=seed + 1)
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
