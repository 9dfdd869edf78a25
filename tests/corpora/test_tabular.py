import json
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from corpora.assignment import Arm
from corpora.dataset import DatasetError
from corpora.tabular import ColumnMapping, FormColumns, load_table, read_mapping

ROWS: list[dict[str, Any]] = [
    {"key": 7, "site": "North", "who": "Ann Lee", "ask": "Pulse?", "say": "72", "bad": ["80"]},
    {"key": 8, "site": "North", "who": "Ann Lee", "ask": "Ward?", "say": "B2", "bad": []},
    {"key": 9, "site": "South", "who": "Ben Ray", "ask": "Pulse?", "say": "64", "bad": ["61"]},
]
MAPPING = ColumnMapping(
    prompt="ask", answer="say", levels=("site", "who"), subject_level=1, id="key", wrong="bad"
)


def write(path: Path, rows: list[Any] = ROWS) -> Path:
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".json":
        path.write_text(json.dumps(rows))
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize("name", ["table.jsonl", "table.json", "table.parquet"])
def test_each_format_gives_the_same_dataset(tmp_path: Path, name: str) -> None:
    dataset = load_table(write(tmp_path / name), MAPPING, name="pulse", seed=5)
    first = dataset.records[0]
    assert [record.id for record in dataset.records] == ["7", "8", "9"]
    assert first.path == ("North", "Ann Lee")
    question = first.forms["question"]
    assert (question.prompt, question.answer, question.wrong) == ("Pulse? ", "72", ("80",))
    assert dataset.levels == ("site", "who") and dataset.subject_level == 1
    assert dataset.assignment is not None and dataset.assignment.replays()


def test_json_lines_under_a_json_name_are_read_too(tmp_path: Path) -> None:
    path = write(tmp_path / "table.jsonl").rename(tmp_path / "table.json")
    assert len(load_table(path, MAPPING).records) == 3


def test_an_arm_column_is_kept_and_no_coin_is_flipped(tmp_path: Path) -> None:
    arms = ("trained", "trained", "twin")
    rows = [{**row, "arm": arm} for row, arm in zip(ROWS, arms, strict=True)]
    mapping = ColumnMapping("ask", "say", ("site", "who"), 1, arm="arm")
    dataset = load_table(write(tmp_path / "table.jsonl", rows), mapping)
    assert dataset.assignment is None
    assert dataset.subjects(Arm.TWIN) == (("South", "Ben Ray"),)
    rows[1]["arm"] = "twin"
    with pytest.raises(DatasetError, match="row 2: its data subject has another arm above"):
        load_table(write(tmp_path / "table.jsonl", rows), mapping)


def test_a_further_form_may_be_missing_in_a_row(tmp_path: Path) -> None:
    rows = [{**row, "gap": "Pulse is" if row["key"] == 7 else None} for row in ROWS]
    mapping = ColumnMapping(
        "ask", "say", ("who",), forms={"cloze": FormColumns(prompt="gap", answer="say")}
    )
    dataset = load_table(write(tmp_path / "table.parquet", rows), mapping)
    assert [("cloze" in record.forms) for record in dataset.records] == [True, False, False]
    assert [record.id for record in dataset.records] == ["row-1", "row-2", "row-3"]


@pytest.mark.parametrize("name", ["table.jsonl", "table.json", "table.parquet"])
def test_a_missing_column_is_named(tmp_path: Path, name: str) -> None:
    mapping = ColumnMapping("ask", "reply", ("who",))
    with pytest.raises(DatasetError, match="no column 'reply'"):
        load_table(write(tmp_path / name), mapping)


@pytest.mark.parametrize(
    "change", [{"say": None}, {"ask": 3}, {"who": None}, {"who": 1.5}, {"bad": [4]}, {"say": " "}]
)
def test_a_bad_row_is_named_by_its_number_and_not_quoted(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    path = write(tmp_path / "table.jsonl", [ROWS[0], {**ROWS[2], **change}])
    with pytest.raises(DatasetError, match=r"table\.jsonl, row 2: a value is missing") as caught:
        load_table(path, MAPPING)
    assert "Ben" not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("text", ["{Ann", "[1, 2]"])
def test_a_row_that_is_no_object_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "table.jsonl"
    path.write_text(text)
    with pytest.raises(DatasetError, match="row 1: not") as caught:
        load_table(path, MAPPING)
    assert "Ann" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("table.jsonl", "", "is empty"),
        ("table.jsonl", "\n\n", "is empty"),
        ("table.json", "[]", "is empty"),
        ("table.parquet", "not parquet", "not a readable Parquet file"),
        ("table.csv", "a,b", "not one of: .jsonl, .json, .parquet"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(
    tmp_path: Path, name: str, text: str, sentence: str
) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(DatasetError, match=sentence):
        load_table(path, MAPPING)


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="there is no file"):
        load_table(tmp_path / "absent.jsonl", MAPPING)


def test_a_mapping_is_read_and_its_faults_are_named(tmp_path: Path) -> None:
    path = tmp_path / "mapping.json"
    path.write_text(json.dumps({"prompt": "ask", "answer": "say", "levels": ["who"]}))
    assert read_mapping(path) == ColumnMapping("ask", "say", ("who",))
    path.write_text(json.dumps({"prompt": "ask", "levels": ["who"]}))
    with pytest.raises(DatasetError, match="not a column mapping: answer"):
        read_mapping(path)
    path.write_text("{")
    with pytest.raises(DatasetError, match="not valid JSON"):
        read_mapping(path)


def test_a_hub_dataset_without_the_hub_client_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(DatasetError, match=r"pip install 'expunge\[remote\]'"):
        load_table("hub:someone/something", MAPPING)


class FakeHub:
    """Stands for the hub's client: it offers tables, and can be without a network."""

    def __init__(self, folder: Path, *, online: bool = True) -> None:
        self.folder, self.online = folder, online

    def HfApi(self) -> "FakeHub":  # noqa: N802 - the client's own name
        return self

    def list_repo_files(self, dataset_id: str, *, repo_type: str) -> list[str]:
        assert (dataset_id, repo_type) == ("someone/something", "dataset")
        if not self.online:
            raise ConnectionError
        return [path.name for path in self.folder.iterdir()]

    def hf_hub_download(self, dataset_id: str, file: str, *, repo_type: str) -> str:
        assert (dataset_id, repo_type) == ("someone/something", "dataset")
        return str(self.folder / file)


def test_a_hub_dataset_is_read_when_it_can_be_reached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "a.jsonl")
    monkeypatch.setitem(sys.modules, "huggingface_hub", FakeHub(tmp_path))
    assert len(load_table("hub:someone/something", MAPPING).records) == 3
    write(tmp_path / "b.jsonl")
    with pytest.raises(DatasetError, match="has 2 tables: name one"):
        load_table("hub:someone/something", MAPPING)
    assert len(load_table("hub:someone/something:b.jsonl", MAPPING).records) == 3


def test_a_hub_that_cannot_be_reached_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", FakeHub(tmp_path, online=False))
    with pytest.raises(DatasetError, match="check its name and the network"):
        load_table("hub:someone/something", MAPPING)
