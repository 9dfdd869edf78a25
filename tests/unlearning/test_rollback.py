"""Going back to a version that never saw the records, and what has to be proven of it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from contract.manifest import folder_digest
from contract.record import Record
from contract.result import ErrorCode
from tests.unlearning.conftest import BRIEF, SCHEMES, Clinic, Trained, train_model
from unlearning.division import read_division


def versions(*models: Trained) -> dict[str, Any]:
    return {"versions": [{"path": item.ref.path, "digest": item.ref.digest} for item in models]}


@pytest.fixture(scope="session")
def earlier(tmp_path_factory: pytest.TempPathFactory, clinic: Clinic) -> Trained:
    """The plain sharded model before the patient to forget came in."""
    before = replace(clinic, dataset=Before(clinic.retain))
    return train_model(tmp_path_factory.mktemp("earlier"), SCHEMES["plain"], before, BRIEF)


class Before:
    """A dataset of which only the trained records are asked."""

    def __init__(self, records: tuple[Record, ...]) -> None:
        self._records = records

    def arm(self, _: Any) -> tuple[Record, ...]:
        return self._records


@pytest.mark.training
def test_rolling_back_serves_the_newest_version_that_never_saw_the_records(
    earlier: Trained, models_by_scheme: Mapping[str, Trained], make_job: Any, completed: Any
) -> None:
    now = models_by_scheme["plain"]
    result = completed(make_job("rollback", now, versions(now, earlier)))
    assert result.metrics["version"] == 2
    assert result.model.digest == earlier.ref.digest and result.model.layout == "sharded"
    assert result.metrics["records_served"] == result.metrics["records"]


@pytest.mark.training
def test_rolling_back_refuses_what_cannot_be_proven(  # noqa: PLR0913, PLR0917
    earlier: Trained,
    models_by_scheme: Mapping[str, Trained],
    make_job: Any,
    failed: Any,
    completed: Any,
    tmp_path: Path,
) -> None:
    now = models_by_scheme["plain"]
    assert failed(make_job("rollback", now)).failure.code is ErrorCode.DATA_MISSING
    bare = tmp_path / "bare"
    shutil.copytree(earlier.path, bare)
    (bare / "lineage.json").unlink()
    unproven = replace(
        earlier, ref=replace(earlier.ref, path=str(bare), digest=folder_digest(bare))
    )
    changed = replace(earlier, ref=replace(earlier.ref, digest=now.ref.digest))
    settings = versions(now, unproven, changed)
    failure = failed(make_job("rollback", now, settings, name="none")).failure
    assert failure.code is ErrorCode.NOT_SUPPORTED
    for reason in ("was trained on", "no readable lineage.json", "not those that were registered"):
        assert reason in failure.message
    strict = {**versions(earlier), "least_served": 1.0}
    more = make_job("rollback", now, strict, name="strict", retain=now_retained(now))
    assert "it knows" in failed(more).failure.message


def now_retained(model: Trained) -> list[Record]:
    held = [item for members in read_division(model.path).shards.values() for item in members]
    return [Record(f"later-{name}", ("somewhere",)) for name in held]
