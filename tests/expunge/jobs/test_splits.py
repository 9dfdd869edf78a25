"""Who sees which records: nothing the verifier asks was ever shown to the unlearner."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contract.record import CALIBRATION_FORM, Record
from corpora.assignment import Arm
from corpora.dataset import Dataset
from corpora.hospital import HospitalSettings, generate_hospital
from expunge.jobs import splits
from expunge.jobs.splits import Scope, Source, Splits, split

FORMS = ("question", "statement")


@pytest.fixture(scope="module")
def hospital() -> Dataset:
    return generate_hospital(HospitalSettings(), seed=11)


def held(dataset: Dataset, without: frozenset[str] = frozenset()) -> Source:
    keys = {item.id for arm in (Arm.TRAINED, Arm.PUBLIC) for item in dataset.arm(arm)}
    return Source(dataset, frozenset(keys - without))


def scope(dataset: Dataset, *path: str) -> Scope:
    return Scope(len(path) - 1, frozenset(item.id for item in dataset.subject_records(path)))


def patient(dataset: Dataset, number: int = 0) -> tuple[str, ...]:
    return dataset.subjects(Arm.TRAINED)[number]


def split_patient(dataset: Dataset) -> Splits:
    scopes = [scope(dataset, *patient(dataset))]
    return split(scoped=held(dataset), others=(), scopes=scopes, forms=FORMS)


def unlearner(parts: Splits) -> tuple[Record, ...]:
    return (
        *parts.unlearn_forget,
        *parts.unlearn_retain,
        *parts.unlearn_calibration,
        *parts.unlearn_public,
    )


def verifier(parts: Splits) -> tuple[Record, ...]:
    return (
        *parts.verify_forget,
        *parts.verify_twins,
        *parts.verify_neighbours,
        *parts.verify_retain,
    )


def persons(dataset: Dataset, records: tuple[Record, ...]) -> set[tuple[str, ...]]:
    return {dataset.subject_of(item) for item in records}


def test_forget_and_retain_are_all_that_was_trained_and_nothing_twice(hospital: Dataset) -> None:
    parts = split_patient(hospital)
    forget = {item.id for item in parts.unlearn_forget}
    retain = {item.id for item in parts.unlearn_retain}
    assert forget == {item.id for item in hospital.subject_records(patient(hospital))}
    assert not forget & retain
    assert forget | retain == {item.id for item in hospital.arm(Arm.TRAINED)}


def test_no_never_trained_person_serves_both_sides(hospital: Dataset) -> None:
    parts = split_patient(hospital)
    calibration = persons(hospital, parts.unlearn_calibration)
    twins = persons(hospital, parts.verify_twins)
    assert calibration and twins and not calibration & twins
    assert calibration | twins <= set(hospital.subjects(Arm.TWIN))


def test_no_wording_of_the_stopping_rule_is_ever_asked_by_the_verifier(hospital: Dataset) -> None:
    parts = split_patient(hospital)
    aimed_at = {item.forms[CALIBRATION_FORM].prompt for item in unlearner(parts)}
    asked = {form.prompt for item in verifier(parts) for form in item.forms.values()}
    assert aimed_at and asked and not aimed_at & asked


def test_the_unlearner_never_sees_a_probe(hospital: Dataset) -> None:
    seen = {name for item in unlearner(split_patient(hospital)) for name in item.forms}
    assert seen == {*FORMS, CALIBRATION_FORM}


def test_neighbours_share_the_parent_and_never_the_scope(hospital: Dataset) -> None:
    parts = split_patient(hospital)
    institution = patient(hospital)[0]
    assert 0 < len(parts.verify_neighbours) <= splits.NEIGHBOURS
    assert {item.path[0] for item in parts.verify_neighbours} == {institution}
    named = {item.id for item in parts.verify_forget}
    near = {item.id for item in parts.verify_neighbours}
    assert not named & near and not near & {item.id for item in parts.verify_retain}


def test_the_neighbours_of_a_study_are_the_other_studies_of_the_patient(hospital: Dataset) -> None:
    person = patient(hospital)
    study = hospital.subject_records(person)[0].path[:3]
    scopes = [scope(hospital, *study)]
    parts = split(scoped=held(hospital), others=(), scopes=scopes, forms=FORMS)
    assert persons(hospital, parts.verify_neighbours) == {person}
    assert all(item.path[:3] != study for item in parts.verify_neighbours)


def test_twins_come_as_whole_persons_also_when_they_are_too_many(
    hospital: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(splits, "TWINS", 60)
    parts = split_patient(hospital)
    twins = persons(hospital, parts.verify_twins)
    whole = sum(len(hospital.subject_records(person)) for person in twins)
    assert len(parts.verify_twins) == whole <= 60


def test_what_an_earlier_erasure_took_out_is_in_no_part(hospital: Dataset) -> None:
    gone = frozenset(item.id for item in hospital.subject_records(patient(hospital, 1)))
    scopes = [scope(hospital, *patient(hospital))]
    parts = split(scoped=held(hospital, gone), others=(), scopes=scopes, forms=FORMS)
    assert not gone & {item.id for item in (*unlearner(parts), *verifier(parts))}


def test_a_scope_may_reach_into_what_is_already_gone(hospital: Dataset) -> None:
    person = patient(hospital)
    study = hospital.subject_records(person)[0].path[:3]
    gone = frozenset(item.id for item in hospital.subject_records(study))
    scopes = [scope(hospital, *person)]
    parts = split(scoped=held(hospital, gone), others=(), scopes=scopes, forms=FORMS)
    left = {item.id for item in hospital.subject_records(person)} - gone
    assert {item.id for item in parts.unlearn_forget} == left


def test_records_of_other_datasets_are_retained(hospital: Dataset) -> None:
    other = generate_hospital(HospitalSettings(institutions=1, pairs=2), seed=12)
    foreign = replace(
        other, records=tuple(replace(item, id=f"other-{item.id}") for item in other.records)
    )
    scopes = [scope(hospital, *patient(hospital))]
    parts = split(scoped=held(hospital), others=[held(foreign)], scopes=scopes, forms=FORMS)
    retained = {item.id for item in parts.unlearn_retain}
    assert {item.id for item in foreign.arm(Arm.TRAINED)} <= retained


def test_a_newer_version_of_a_dataset_adds_to_the_older_one(hospital: Dataset) -> None:
    lost = patient(hospital, 2)
    newer = replace(
        hospital,
        records=tuple(item for item in hospital.records if hospital.subject_of(item) != lost),
    )
    both = held(hospital).updated_by(held(newer))
    assert {item.id for item in both.trained()} == {item.id for item in hospital.arm(Arm.TRAINED)}


def test_a_twin_of_whom_the_model_knows_something_is_no_twin(hospital: Dataset) -> None:
    person = persons(hospital, split_patient(hospital).verify_twins).pop()
    learned = hospital.subject_records(person)[0].id
    source = Source(hospital, held(hospital).held | {learned})
    scopes = [scope(hospital, *patient(hospital))]
    parts = split(scoped=source, others=(), scopes=scopes, forms=FORMS)
    assert person not in persons(hospital, parts.verify_twins)


def test_a_sharded_model_is_judged_by_what_the_same_shard_answers_for(hospital: Dataset) -> None:
    shard = {item.id for number in (0, 3, 4) for item in _own(hospital, number)}
    scopes = [scope(hospital, *patient(hospital))]
    parts = split(scoped=held(hospital), others=(), scopes=scopes, forms=FORMS, served=shard)
    judged = {item.id for item in (*parts.verify_neighbours, *parts.verify_retain)}
    assert judged and judged <= shard
    assert len(parts.unlearn_retain) > len(shard)


def _own(dataset: Dataset, number: int) -> tuple[Record, ...]:
    return dataset.subject_records(patient(dataset, number))
