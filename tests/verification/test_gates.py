"""The positive control and the power gate."""

from __future__ import annotations

import numpy as np
import pytest

from verification.gates import positive_control_gate, power_gate
from verification.profiles import PROFILES

PROFILE = PROFILES["erasure"]


@pytest.mark.parametrize(("records", "margin"), [(12, 0.30), (24, 0.25)])
def test_a_memorising_original_passes_the_positive_control(records: int, margin: float) -> None:
    rng = np.random.default_rng(0)
    gate = positive_control_gate(
        PROFILE, rng.normal(-0.01, 0.01, records), rng.normal(-7, 2, 288), margin, 1.3
    )
    assert gate.verdict == "pass", gate.estimates


def test_an_original_without_memory_has_nothing_to_remove() -> None:
    rng = np.random.default_rng(1)
    gate = positive_control_gate(PROFILE, rng.normal(size=40), rng.normal(size=288), 0.25)
    assert gate.verdict == "not_applicable"


def test_a_faint_memory_settles_nothing() -> None:
    rng = np.random.default_rng(2)
    gate = positive_control_gate(PROFILE, rng.normal(0.9, 1, 20), rng.normal(size=288), 0.25)
    assert gate.verdict == "inconclusive"


@pytest.mark.parametrize(
    ("records", "twins", "effect", "verdict"),
    [
        (24, 288, 1.3, "pass"),
        (12, 288, 1.2, "pass"),
        (24, 12, 1.0, "inconclusive"),
        (24, 288, 2.5, "inconclusive"),
        (8, 5000, 1.0, "inconclusive"),
    ],
)
def test_power_depends_on_records_twins_and_their_clustering(
    records: int, twins: int, effect: float, verdict: str
) -> None:
    assert power_gate(PROFILE, records, twins, effect).verdict == verdict
