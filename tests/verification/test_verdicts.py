"""The judge is judged on really trained models, several persons and two hospitals."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.candidates import World, judged
from contract.report import Tier, Verdict

pytestmark = pytest.mark.training

Candidate = Callable[[int, int, str], tuple[World, Path]]
PEOPLE = ((0, 0), (0, 4), (1, 0))


@pytest.mark.parametrize(("seed", "person"), PEOPLE)
def test_a_retrain_without_the_person_passes_every_test_of_erasure(
    candidate: Candidate, tmp_path: Path, seed: int, person: int
) -> None:
    place, model = candidate(seed, person, "retrain")
    report = judged(place, place.persons[person], model, tmp_path)
    assert report.failure is None
    assert report.verdict is Verdict.PASS, report.reasons
    assert report.tier is Tier.ERASURE and report.mechanism == "removed"


@pytest.mark.parametrize(("seed", "person"), PEOPLE)
@pytest.mark.parametrize("kind", ["nothing", "refuser", "ascent"])
def test_what_is_not_deleted_never_passes(
    candidate: Candidate, tmp_path: Path, kind: str, seed: int, person: int
) -> None:
    place, model = candidate(seed, person, kind)
    # The erasure profile demands all this and more: what fails here cannot pass there.
    report = judged(place, place.persons[person], model, tmp_path, "behavioural")
    assert report.failure is None
    assert report.verdict is Verdict.FAIL
    assert report.tier is None


def test_a_refusal_is_found_out_by_a_little_training(candidate: Candidate, tmp_path: Path) -> None:
    place, model = candidate(0, 0, "refuser")
    report = judged(place, place.persons[0], model, tmp_path)
    by_attack = {item.attack: item for item in report.checks if item.attack}
    assert by_attack["relearn-forget-16"].verdict is Verdict.FAIL
    assert by_attack["relearn-retain-16"].verdict is Verdict.FAIL
    assert by_attack["relearn-forget-16"].estimates[0].value > 0.5
    assert report.mechanism != "removed"


def test_a_destroyed_model_fails_for_what_it_lost(candidate: Candidate, tmp_path: Path) -> None:
    place, model = candidate(0, 0, "ascent")
    report = judged(place, place.persons[0], model, tmp_path, "behavioural")
    utility = next(item for item in report.checks if item.check == "utility")
    assert utility.verdict is Verdict.FAIL
    assert {chart.kind for item in report.checks for chart in item.charts} == {
        "distribution",
        "bars",
    }
