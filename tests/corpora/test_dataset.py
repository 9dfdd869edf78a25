import json
from pathlib import Path

import pytest

from contract.record import Form, Record
from corpora.assignment import Arm, flip_pairs
from corpora.dataset import (
    ASSIGNMENT_FILE,
    HEADER_FILE,
    RECORDS_FILE,
    Dataset,
    DatasetError,
    read_dataset,
    read_header,
    stream_records,
    write_dataset,
)

QUESTION = {"question": Form("Where? ", "Here")}


def record(identity: str, *path: str, forms: dict[str, Form] | None = None) -> Record:
    return Record(identity, path, QUESTION if forms is None else forms)


def dataset(*records: Record, **changes: object) -> Dataset:
    keys = dict.fromkeys(item.path[:1] for item in records)
    values: dict[str, object] = {
        "name": "small",
        "levels": ("person", "letter"),
        "subject_level": 0,
        "forms": ("question",),
        "seed": 3,
        "records": records,
        "arms": dict(zip(keys, (Arm.TRAINED, *[Arm.TWIN] * len(keys)), strict=False)),
    }
    return Dataset(**{**values, **changes})  # type: ignore[arg-type]


FOUR = (
    record("1", "Ann", "x"),
    record("2", "Ann", "y"),
    record("3", "Ben", "x"),
    record("4", "Cas", "x"),
)


def test_a_dataset_survives_its_folder(tmp_path: Path) -> None:
    flips = flip_pairs([(("Ann",), ("Ben",))], seed=1)
    made = dataset(*FOUR[:3], arms=flips.arms(), assignment=flips)
    write_dataset(tmp_path / "made", made)
    assert read_dataset(tmp_path / "made") == made
    header = read_header(tmp_path / "made")
    assert header.counts == made.counts()
    assert header.arm_of() == made.arms


def test_writing_again_leaves_no_old_flips_behind(tmp_path: Path) -> None:
    flips = flip_pairs([(("Ann",), ("Ben",))], seed=1)
    write_dataset(tmp_path, dataset(*FOUR[:3], arms=flips.arms(), assignment=flips))
    write_dataset(tmp_path, dataset(*FOUR))
    assert not (tmp_path / ASSIGNMENT_FILE).exists()
    assert read_dataset(tmp_path).assignment is None


def test_records_of_one_arm_are_streamed(tmp_path: Path) -> None:
    made = dataset(*FOUR)
    write_dataset(tmp_path, made)
    for arm in Arm:
        assert tuple(stream_records(tmp_path, arm)) == made.arm(arm)
    assert tuple(stream_records(tmp_path)) == made.records


def test_records_are_found_below_a_node_of_any_level() -> None:
    made = dataset(*FOUR)
    assert made.subject_records(()) == FOUR
    assert made.subject_records(("Ann",)) == FOUR[:2]
    assert made.subject_records(("Ann", "y")) == FOUR[1:2]
    assert made.subject_records(("Nobody",)) == ()


def test_twins_are_split_by_whole_subjects_and_the_seed() -> None:
    records = tuple(
        record(f"{person}-{letter}", f"person {person}", letter)
        for person in range(41)
        for letter in "xyz"
    )
    made = dataset(*records)
    calibration, verification = made.split_twins()
    chosen = {item.path[0] for item in calibration}
    kept = {item.path[0] for item in verification}
    assert len(chosen) == 10 and len(kept) == 30 and not chosen & kept
    assert len(calibration) + len(verification) == len(made.arm(Arm.TWIN))
    assert dataset(*records).split_twins() == (calibration, verification)
    assert dataset(*records, seed=4).split_twins()[0] != calibration


def test_a_single_twin_goes_to_verification() -> None:
    assert dataset(*FOUR[:3]).split_twins() == ((), FOUR[2:3])


@pytest.mark.parametrize(
    ("records", "changes", "sentence"),
    [
        ((), {}, "holds no records"),
        ((FOUR[0], FOUR[0]), {}, "record 2 has the id of an earlier record"),
        ((record("1", "Ann"),), {}, "record 1 has 1 levels, not 2"),
        (FOUR, {"arms": {("Ann",): Arm.TRAINED}}, "record 3 belongs to a data subject without"),
        ((record("1", "Ann", "x", forms={}),), {}, "record 1 has no trained form"),
        (FOUR, {"forms": ()}, "names no trained form"),
        (FOUR, {"subject_level": 2}, "the subject level 2 is none of the 2 levels"),
        (FOUR, {"levels": ("same", "same")}, "no level twice"),
    ],
)
def test_parts_that_do_not_fit_are_refused_in_a_sentence(
    records: tuple[Record, ...], changes: dict[str, object], sentence: str
) -> None:
    with pytest.raises(DatasetError, match=sentence):
        dataset(*records, **changes)


def test_a_sentence_never_names_a_person() -> None:
    with pytest.raises(DatasetError) as caught:
        dataset(*FOUR, arms={("Ann",): Arm.TRAINED})
    assert "Ben" not in str(caught.value)


def test_a_folder_without_its_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=f"holds no {HEADER_FILE}"):
        read_dataset(tmp_path)
    write_dataset(tmp_path, dataset(*FOUR))
    (tmp_path / RECORDS_FILE).unlink()
    with pytest.raises(DatasetError, match=f"holds no {RECORDS_FILE}"):
        read_dataset(tmp_path)


def test_a_malformed_header_is_refused(tmp_path: Path) -> None:
    (tmp_path / HEADER_FILE).write_text(json.dumps({"name": "half"}))
    with pytest.raises(DatasetError, match="not a dataset header"):
        read_header(tmp_path)
