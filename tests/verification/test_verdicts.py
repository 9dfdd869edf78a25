"""The judge is judged on really trained models of one world; more are in the benchmark."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.candidates import World, judged
from benchmarks.kinds import KINDS
from contract.report import Tier, Verdict

pytestmark = pytest.mark.training

Candidate = Callable[[int, int, str], tuple[World, Path]]
LIARS = tuple(
    kind for kind, making in KINDS.items() if making.honest is False and making.job is None
)
"""Those made in seconds; the ones that take a whole training are in the benchmark."""


def test_a_retrain_without_the_person_passes_every_test_of_erasure(
    candidate: Candidate, tmp_path: Path
) -> None:
    place, model = candidate(0, 0, "retrain")
    report = judged(place, place.persons[0], model, tmp_path)
    assert report.failure is None
    assert report.verdict is Verdict.PASS, report.reasons
    assert report.tier is Tier.ERASURE and report.mechanism == "removed"


@pytest.mark.parametrize("kind", LIARS)
def test_what_is_not_deleted_never_passes(candidate: Candidate, tmp_path: Path, kind: str) -> None:
    place, model = candidate(0, 0, kind)
    report = judged(place, place.persons[0], model, tmp_path, "behavioural")
    if report.verdict is Verdict.PASS:  # it hides well: only tampering can tell
        report = judged(place, place.persons[0], model, tmp_path / "again")
    assert report.failure is None
    assert report.verdict is not Verdict.PASS
    assert report.tier is None


def test_a_refusal_is_found_out_by_a_little_training(candidate: Candidate, tmp_path: Path) -> None:
    place, model = candidate(0, 0, "refuser")
    report = judged(place, place.persons[0], model, tmp_path)
    by_attack = {item.attack: item for item in report.checks if item.attack}
    assert by_attack["relearn-forget-16"].verdict is Verdict.FAIL
    assert by_attack["relearn-forget-100"].verdict is Verdict.FAIL
    assert report.verdict is Verdict.FAIL and report.mechanism != "removed"


def test_a_destroyed_model_is_refused(candidate: Candidate, tmp_path: Path) -> None:
    place, model = candidate(0, 0, "ascent")
    report = judged(place, place.persons[0], model, tmp_path, "behavioural")
    # One that writes nothing any more is no valid model; one that writes nonsense lost its use.
    assert report.verdict in {Verdict.FAIL, Verdict.INVALID}
