"""Requests that come one after the other: what each job forgets, keeps and starts from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from contract.job import UnlearningData, UnlearningJob, read_job
from contract.manifest import folder_digest, manifest_of
from contract.record import read_records, write_records
from contract.result import ErrorCode, JobError
from tests.unlearning.conftest import Clinic, Trained
from unlearning.requests import Mode, apply_requests, batched, steps


def persons(clinic: Clinic) -> list[tuple[Any, ...]]:
    found: dict[tuple[str, ...], list[Any]] = {}
    for record in clinic.trained:
        found.setdefault(record.subject(1), []).append(record)
    return [tuple(records) for records in found.values()]


def job_for(trained: Trained, method: str, folder: Path, clinic: Clinic) -> UnlearningJob:
    (folder / "data").mkdir()
    write_records(folder / "data/calibration.jsonl", clinic.calibration)
    write_records(folder / "data/public.jsonl", clinic.public)
    data = UnlearningData(calibration="data/calibration.jsonl", public="data/public.jsonl")
    settings = {"steps": 3} if method == "npo" else {}
    return UnlearningJob(
        method, trained.recipe, data=data, model=trained.ref, settings=settings, device="cpu"
    )


def ids(path: Path) -> set[str]:
    return {record.id for record in read_records(path)}


@pytest.mark.training
@pytest.mark.parametrize("mode", ["reapply", "continue"])
def test_each_request_starts_where_its_mode_says(
    mode: Mode, whole: Trained, clinic: Clinic, tmp_path: Path
) -> None:
    first, second, *_ = persons(clinic)
    job = job_for(whole, "npo", tmp_path, clinic)
    one, two = apply_requests(tmp_path, job, clinic.trained, [first, second], mode=mode)
    new, both = {item.id for item in second}, {item.id for item in (*first, *second)}
    assert ids(two.folder / "data/forget.jsonl") == (both if mode == "reapply" else new)
    assert ids(two.folder / "data/retain.jsonl") == {item.id for item in clinic.trained} - both
    started = read_job(two.folder, UnlearningJob).model
    assert started is not None
    assert started.digest == (whole.ref if mode == "reapply" else one.model).digest
    assert two.model.digest == folder_digest(Path(two.model.path))


@pytest.mark.training
def test_exact_requests_continued_are_the_requests_at_once(
    sharded: Trained, clinic: Clinic, tmp_path: Path
) -> None:
    first, second, *_ = persons(clinic)
    results = {}
    for name, mode, requests in (
        ("continued", "continue", [first, second]),
        ("together", "reapply", batched([first, second], 2)),
    ):
        folder = tmp_path / name
        folder.mkdir()
        job = job_for(sharded, "drop_shard", folder, clinic)
        *_, last = steps(folder, job, clinic.trained, requests, mode=mode)  # type: ignore[arg-type]
        results[name] = manifest_of(Path(last.model.path))
    assert results["continued"] == results["together"]


@pytest.mark.training
def test_what_is_done_is_not_done_again(sharded: Trained, clinic: Clinic, tmp_path: Path) -> None:
    first, second, *_ = persons(clinic)
    job = job_for(sharded, "adapter_drop", tmp_path, clinic)
    (one,) = apply_requests(tmp_path, job, clinic.trained, [first], mode="reapply")
    written = (one.folder / "result.json").stat().st_mtime_ns
    apply_requests(tmp_path, job, clinic.trained, [first], mode="reapply")
    assert (one.folder / "result.json").stat().st_mtime_ns == written
    (other,) = apply_requests(tmp_path, job, clinic.trained, [second], mode="reapply")
    assert ids(other.folder / "data/forget.jsonl") == {item.id for item in second}
    assert (one.folder / "result.json").stat().st_mtime_ns != written


def test_a_failed_request_stops_the_row(whole: Trained, clinic: Clinic, tmp_path: Path) -> None:
    (first, *_) = persons(clinic)
    job = job_for(whole, "adapter_drop", tmp_path, clinic)
    with pytest.raises(JobError, match="request 01") as error:
        apply_requests(tmp_path, job, clinic.trained, [first], mode="continue")
    assert error.value.code is ErrorCode.NOT_SUPPORTED
    with pytest.raises(JobError, match="names none"):
        apply_requests(tmp_path, replace(job, model=None), clinic.trained, [first], mode="continue")


def test_batches_join_requests_in_order() -> None:
    requests: list[Any] = [("a",), ("b", "c"), ("d",)]
    assert batched(requests, 2) == [("a", "b", "c"), ("d",)]
