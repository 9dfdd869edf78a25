"""What both sides of a process boundary read is what the other side wrote."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.canonical import canonical, read_json, write_json
from contract.event import EventLog, read_events
from contract.job import ModelRef, Recipe, UnlearningJob, VerificationJob, read_job, write_job
from contract.manifest import folder_digest
from contract.record import Form, Record, read_records, write_records
from contract.report import Preregistration, Report, Verdict, read_report, write_report
from contract.result import Result, read_result, write_result

MODEL = ModelRef("model", "sha256:" + "0" * 64)


def test_a_job_comes_back_as_it_was_written(tmp_path: Path) -> None:
    job = UnlearningJob("npo", Recipe(), model=MODEL, settings={"beta": 0.1})
    write_job(tmp_path, job)
    assert read_job(tmp_path, UnlearningJob) == job


def test_a_job_of_the_other_kind_is_refused(tmp_path: Path) -> None:
    write_job(tmp_path, VerificationJob(MODEL))
    with pytest.raises(ValueError, match="validation error"):
        read_job(tmp_path, UnlearningJob)


def test_a_folder_without_a_job_says_so(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"holds no job\.json"):
        read_job(tmp_path, UnlearningJob)


def test_not_a_number_never_becomes_json(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Out of range float"):
        write_json(tmp_path / "x.json", {"loss": math.nan})
    assert not (tmp_path / "x.json").exists()
    (tmp_path / "y.json").write_text('{"loss": NaN}')
    with pytest.raises(ValueError, match="not JSON"):
        read_json(tmp_path / "y.json")


def test_events_are_read_from_where_one_left_off_and_never_by_halves(tmp_path: Path) -> None:
    log = EventLog(tmp_path)
    log.emit("training", done=1, total=2)
    first, offset = read_events(tmp_path)
    with (tmp_path / "events.jsonl").open("a") as handle:
        handle.write('{"phase": "tr')
    assert [event.done for event in first] == [1]
    assert read_events(tmp_path, offset) == ((), offset)


def test_results_and_reports_come_back_as_they_were_written(tmp_path: Path) -> None:
    result = Result("npo", "completed", model=MODEL, metrics={"steps": 3.0})
    report = Report(Verdict.FAIL, "erasure", 1, "The records are not gone.")
    write_result(tmp_path, result)
    write_report(tmp_path, report)
    assert read_result(tmp_path) == result
    assert read_report(tmp_path) == report


def test_a_bad_record_is_named_by_its_line_and_never_quoted(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    write_records(path, [Record("r1", ("a",), {"question": Form("Who? ", "Ann")})])
    with path.open("a") as handle:
        handle.write('{"id": "r2", "secret": "Ann Miller"}\n')
    with pytest.raises(ValueError, match=r"records\.jsonl, line 2") as caught:
        list(read_records(path))
    assert "Ann Miller" not in str(caught.value)


def test_a_renamed_file_changes_the_digest_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one")
    before = folder_digest(tmp_path)
    (tmp_path / "a").rename(tmp_path / "b")
    assert folder_digest(tmp_path) != before


def test_an_empty_folder_has_no_digest(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="holds no files"):
        folder_digest(tmp_path)


def test_the_digest_of_a_plan_does_not_depend_on_the_order_of_its_keys() -> None:
    assert Preregistration({"a": 1, "b": 2}).digest == Preregistration({"b": 2, "a": 1}).digest


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(JSON)
def test_canonical_json_reads_back_as_the_same_value(value: object) -> None:
    assert json.loads(canonical(value)) == value
