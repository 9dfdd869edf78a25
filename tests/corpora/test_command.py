import json
from pathlib import Path

import pytest

from contract.manifest import folder_digest
from corpora.__main__ import main
from corpora.dataset import read_dataset


def test_a_hospital_is_written_and_its_counts_and_digest_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["hospital", str(out), "--seed", "3", "--pairs", "2", "--public", "0"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["counts"] == read_dataset(out).counts()
    assert summary["counts"]["trained_subjects"] == 6
    assert summary["digest"] == folder_digest(out)
    again = tmp_path / "again"
    main(["hospital", str(again), "--seed", "3", "--pairs", "2", "--public", "0"])
    assert folder_digest(again) == folder_digest(out)


def test_a_table_is_written_by_its_mapping(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "t.jsonl").write_text('{"q": "Pulse?", "a": "72", "who": "Ann Lee"}\n')
    (tmp_path / "m.json").write_text('{"prompt": "q", "answer": "a", "levels": ["who"]}')
    arguments = ["table", str(tmp_path / "t.jsonl"), str(tmp_path / "out")]
    arguments += ["--mapping", str(tmp_path / "m.json"), "--name", "pulse", "--share", "1"]
    assert main(arguments) == 0
    assert json.loads(capsys.readouterr().out)["counts"]["trained_records"] == 1
    assert read_dataset(tmp_path / "out").name == "pulse"


def test_a_fault_is_one_sentence_and_exit_code_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tofu", str(tmp_path), str(tmp_path / "out")]) == 1
    assert "holds no full.json" in capsys.readouterr().err
    assert main(["hospital", str(tmp_path / "out"), "--pairs", "0"]) == 1
    assert "at least one of: pairs" in capsys.readouterr().err
