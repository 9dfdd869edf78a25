import json
from pathlib import Path

import pytest

from corpora.assignment import Arm
from corpora.dataset import DatasetError
from corpora.tofu import load_tofu

NAMES = ("Ada Lind", "Bo O'Dell", "", "Dora van Dyke", "Ezra Poe", "Fay Low")


def rows(name: str, author: int) -> list[dict[str, str]]:
    asked = name or "this author"
    return [
        {"question": f"What is fact {author}-{n} of {asked}?", "answer": f"It is {author}-{n}."}
        for n in range(20)
    ]


def write_lines(path: Path, lines: list[dict[str, object]]) -> None:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six authors, the last four with paraphrases; the third is never named."""
    full = [row for author, name in enumerate(NAMES) for row in rows(name, author)]
    write_lines(tmp_path / "full.json", [dict(row) for row in full])
    extra = [
        {
            **row,
            "paraphrased_question": "Rather: " + row["question"],
            "paraphrased_answer": "Rather: " + row["answer"],
            "perturbed_answer": ["no", "never"],
        }
        for row in full[40:]
    ]
    write_lines(tmp_path / "forget_perturbed.json", extra)
    return tmp_path


def test_an_author_is_a_data_subject_with_twenty_records(folder: Path) -> None:
    dataset = load_tofu(folder, authors=2, twins=2, public=2)
    assert dataset.levels == ("author",) and dataset.subject_level == 0
    assert dataset.counts() == {
        "records": 120,
        "trained_subjects": 2,
        "twin_subjects": 2,
        "public_subjects": 2,
        "trained_records": 40,
        "twin_records": 40,
        "public_records": 40,
    }


def test_authors_are_labelled_by_name_or_else_by_number(folder: Path) -> None:
    labels = {key[0] for key in load_tofu(folder, authors=3, twins=3).arms}
    assert labels == {name or "Author 2" for name in NAMES}


def test_trained_and_twin_authors_both_have_paraphrases_when_enough_do(folder: Path) -> None:
    dataset = load_tofu(folder, authors=2, twins=2, public=2)
    for record in dataset.arm(Arm.TRAINED) + dataset.arm(Arm.TWIN):
        assert set(record.forms) == {"question", "paraphrase", "calibration"}
        assert record.forms["question"].wrong == ("no", "never")
        assert record.forms["calibration"].prompt.startswith("Rather: ")
    for record in dataset.arm(Arm.PUBLIC):
        assert set(record.forms) == {"question", "calibration"}
        assert record.forms["calibration"].prompt.startswith("Please answer this: ")


def test_the_seed_decides_who_is_trained_and_can_be_replayed(folder: Path) -> None:
    outcomes = {
        load_tofu(folder, authors=2, twins=2, seed=seed).subjects(Arm.TRAINED) for seed in range(9)
    }
    assert len(outcomes) > 1
    dataset = load_tofu(folder, authors=2, twins=2, seed=1)
    assert dataset.assignment is not None and dataset.assignment.replays()
    assert load_tofu(folder, authors=2, twins=2, seed=1) == dataset


def test_the_same_question_of_two_authors_keeps_its_own_paraphrase(folder: Path) -> None:
    full = [json.loads(line) for line in (folder / "full.json").read_text().splitlines()]
    full[0]["question"] = full[60]["question"]
    write_lines(folder / "full.json", full)
    records = load_tofu(folder, authors=3, twins=3).records
    assert "paraphrase" not in records[0].forms
    assert records[60].forms["paraphrase"].answer == "Rather: It is 3-0."


def test_too_few_authors_are_refused(folder: Path) -> None:
    with pytest.raises(DatasetError, match="cannot take 6 trained, 1 twin and 0 public"):
        load_tofu(folder, authors=6, twins=1)


@pytest.mark.parametrize("line", ["{", '"text"', '{"question": "Who is Ada?"}'])
def test_a_bad_row_is_named_by_its_line_and_not_quoted(folder: Path, line: str) -> None:
    path = folder / "full.json"
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(DatasetError, match=r"full\.json, line 121: not a TOFU row") as caught:
        load_tofu(folder)
    assert "Ada" not in str(caught.value)


def test_a_folder_without_tofu_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"holds no full\.json"):
        load_tofu(tmp_path)


def test_an_incomplete_author_is_refused(folder: Path) -> None:
    path = folder / "full.json"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(DatasetError, match="119 rows, not 20 for every author"):
        load_tofu(folder)


@pytest.mark.shared_data
def test_the_published_authors_are_nearly_all_found_by_name(shared_data: Path) -> None:
    dataset = load_tofu(shared_data / "tofu", authors=100, twins=100)
    labels = [key[0] for key in dataset.arms]
    assert len(labels) == 200 and len(dataset.records) == 4000
    assert sum(label.startswith("Author ") for label in labels) <= 2
    assert {"Jaime Vasquez", "Basil Mahfouz Al-Kuwaiti", "Nikolai Abilov"} <= set(labels)


@pytest.mark.shared_data
def test_forty_published_authors_have_paraphrases_and_wrong_answers(shared_data: Path) -> None:
    dataset = load_tofu(shared_data / "tofu", authors=20, twins=20, public=10, seed=4)
    for record in dataset.arm(Arm.TRAINED) + dataset.arm(Arm.TWIN):
        assert len(record.forms["question"].wrong) == 5
        assert record.forms["calibration"].prompt != record.forms["question"].prompt
    assert len(dataset.arm(Arm.PUBLIC)) == 200


@pytest.mark.shared_data
def test_the_rows_of_a_published_author_stay_together_and_in_order(shared_data: Path) -> None:
    dataset = load_tofu(shared_data / "tofu", authors=100, twins=100)
    lines = (shared_data / "tofu" / "full.json").read_text(encoding="utf-8").splitlines()
    rows_of_author = [json.loads(line)["answer"] for line in lines[198 * 20 : 199 * 20]]
    records = dataset.subject_records(("Basil Mahfouz Al-Kuwaiti",))
    assert [record.forms["question"].answer for record in records] == rows_of_author
