"""A dataset becomes a scope tree and records; its labels stay secret."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest
from django.db import connection

from contract.canonical import digest_json
from contract.record import record_to_json
from corpora.dataset import RECORDS_FILE, write_dataset
from corpora.hospital import HospitalSettings, generate_hospital
from expunge.common.errors import ConflictError, DomainError, NotAllowedError, NotFoundError
from expunge.registry.counts import scope_counts
from expunge.registry.models import Arm, Dataset, DatasetVersion, Record, ScopeNode
from expunge.registry.selectors import (
    dataset_version_get,
    datasets_visible,
    records_in_scope,
    scope_children,
    scope_nodes,
    scope_search,
    scope_trails,
)
from expunge.registry.services import dataset_version_register
from expunge.registry.tree import ordinal
from tests.expunge.conftest import Register
from tests.expunge.factories import (
    LEVELS,
    SYSTEM,
    People,
    all_leaves,
    clinic,
    flipped,
    leaves,
    records_of,
)


def test_the_tree_has_every_level_and_every_record(patients: DatasetVersion) -> None:
    nodes = ScopeNode.objects.filter(dataset=patients.dataset)
    assert [nodes.filter(depth=depth).count() for depth in range(4)] == [1, 3, 6, 12]
    assert patients.record_count == patients.records.count() == 12
    assert {node.level for node in nodes.filter(depth=2)} == {"study"}
    leaf_records = Record.objects.filter(node__depth=3).count()
    assert leaf_records == 12


def test_records_are_kept_by_place_arm_and_digest_without_their_text(
    patients: DatasetVersion,
) -> None:
    source = clinic().records
    stored = list(patients.records.order_by("position"))
    assert [item.key for item in stored] == [item.id for item in source]
    assert [item.digest for item in stored] == [digest_json(record_to_json(r)) for r in source]
    assert {item.arm for item in stored} == {"trained", "twin"}


def test_labels_are_ciphertext_in_the_database(patients: DatasetVersion) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT label, label_index FROM registry_scopenode")
        raw = b"".join(bytes(value) for row in cursor.fetchall() for value in row)
    for label in (b"Erika", b"North Clinic", b"study 0"):
        assert label not in raw


def test_the_coin_flips_are_sealed_in_the_log(register: Register) -> None:
    subjects = [("North Clinic", f"Patient {number}") for number in range(9)]
    dataset, flips = flipped(subjects)
    version = register(dataset)
    (leaf,) = leaves("dataset_version.registered")
    assert leaf["data"]["assignment_digest"] == version.assignment_digest == flips.digest
    assert leaf["data"]["digest"] == version.digest
    assert b"Patient" not in all_leaves()


def test_flips_that_do_not_follow_from_their_seed_are_refused(register: Register) -> None:
    subjects = [("North Clinic", f"Patient {number}") for number in range(9)]
    dataset, flips = flipped(subjects)
    forged = replace(dataset, assignment=replace(flips, seed=flips.seed + 1))
    with pytest.raises(DomainError, match="seed") as error:
        register(forged)
    assert error.value.code == "dataset_unusable"


def test_a_hospital_is_registered_as_it_was_generated(register: Register) -> None:
    settings = HospitalSettings(institutions=2, pairs=2, studies=1, sections=2, facts=1, public=1)
    hospital = generate_hospital(settings, seed=5)
    version = register(hospital, "hospital")
    for arm in Arm:
        stored = version.records.filter(arm=arm).count()
        assert stored == hospital.counts()[f"{arm}_records"]


def test_a_later_version_extends_the_same_tree(register: Register) -> None:
    first = register(clinic())
    before = set(ScopeNode.objects.values_list("pk", "path"))
    second = register(clinic(trained=("Erika Mustermann", "Max Beispiel", "Neu Nachher")), at="v2")
    after = set(ScopeNode.objects.values_list("pk", "path"))
    assert (first.number, second.number) == (1, 2)
    assert first.dataset == second.dataset
    assert before < after and len(after) - len(before) == 1 + 2 + 4
    (node,) = scope_search(SYSTEM, first.dataset_id, "Erika Mustermann")
    assert records_in_scope([node]).count() == 8
    assert scope_counts([node]) == {node: 4}


def test_the_same_files_are_not_registered_twice(register: Register) -> None:
    register(clinic())
    with pytest.raises(ConflictError) as error:
        register(clinic())
    assert error.value.code == "dataset_already_registered"
    assert DatasetVersion.objects.count() == 1


def test_other_levels_need_another_name(register: Register) -> None:
    register(clinic())
    levels = ("region", *LEVELS[1:])
    with pytest.raises(ConflictError) as error:
        register(replace(clinic(), levels=levels), at="other")
    assert error.value.code == "dataset_levels_changed"


def broken(folder: Path, change: str) -> None:
    path = folder / RECORDS_FILE
    lines = path.read_text(encoding="utf-8").splitlines()
    if change == "twice":
        lines.append(lines[0])
    elif change == "fewer":
        del lines[-1]
    elif change == "flat":
        record = json.loads(lines[0])
        record["path"] = record["path"][:2]
        lines[0] = json.dumps(record)
    elif change == "stranger":
        lines[0] = lines[0].replace("Erika Mustermann", "Sina Secret")
    else:
        lines[0] = '{"Sina Secret": 1}'
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.mark.parametrize("change", ["twice", "fewer", "flat", "stranger", "garbage"])
def test_an_unusable_dataset_is_refused_without_quoting_it(
    cast: People, tmp_path: Path, change: str
) -> None:
    folder = tmp_path / "dataset"
    write_dataset(folder, clinic())
    broken(folder, change)
    with pytest.raises(DomainError) as error:
        dataset_version_register(
            actor=cast.carol, controller_id=cast.controller.pk, name="clinic", uri=str(folder)
        )
    assert error.value.code == "dataset_unusable"
    assert "Sina" not in str(error.value) and "Erika" not in str(error.value)
    assert not Dataset.objects.exists() and not ScopeNode.objects.exists()


@pytest.mark.parametrize(
    ("uri", "code"),
    [
        ("/nowhere/at/all", "dataset_missing"),
        ("http://metadata.internal/", "uri_not_supported"),
        ("simplecache::file:///etc", "uri_not_supported"),
        ("memory://nothing-here", "dataset_missing"),
    ],
)
def test_a_dataset_that_is_not_there_is_said_to_be_missing(
    cast: People, uri: str, code: str
) -> None:
    with pytest.raises(DomainError) as error:
        dataset_version_register(
            actor=cast.carol, controller_id=cast.controller.pk, name="clinic", uri=uri
        )
    assert error.value.code == code


def test_only_the_engineer_registers(cast: People, tmp_path: Path) -> None:
    write_dataset(tmp_path / "dataset", clinic())
    for actor in (cast.alice, cast.bob, cast.dora, cast.ada, cast.mallory):
        with pytest.raises(NotAllowedError):
            dataset_version_register(
                actor=actor,
                controller_id=cast.controller.pk,
                name="clinic",
                uri=str(tmp_path / "dataset"),
            )


def test_another_organisation_sees_nothing_of_it(cast: People, patients: DatasetVersion) -> None:
    node = ScopeNode.objects.filter(dataset=patients.dataset).first()
    assert node is not None
    assert not datasets_visible(cast.mallory).exists()
    assert scope_nodes(cast.mallory, [node.pk]) == ()
    with pytest.raises(NotFoundError):
        scope_children(cast.mallory, patients.dataset_id)
    with pytest.raises(NotFoundError):
        dataset_version_get(cast.mallory, patients.pk)


def test_a_name_is_found_whatever_its_case_and_only_as_a_whole(
    cast: People, patients: DatasetVersion
) -> None:
    (node,) = scope_search(cast.alice, patients.dataset_id, " erika  MUSTERMANN ")
    assert node.label == "Erika Mustermann" and node.level == "patient"
    assert scope_search(cast.alice, patients.dataset_id, "Erika") == ()


def test_a_trail_leads_from_the_root_to_the_node(patients: DatasetVersion) -> None:
    nodes = tuple(ScopeNode.objects.filter(depth=3).select_related("dataset"))
    trails = scope_trails(nodes)
    assert {len(trail) for trail in trails.values()} == {4}
    assert all(trail[-1] == node for node, trail in trails.items())
    assert {trail[0].label for trail in trails.values()} == {"North Clinic"}


def test_counts_come_in_one_query(
    patients: DatasetVersion, django_assert_num_queries: object
) -> None:
    nodes = tuple(ScopeNode.objects.all())
    with django_assert_num_queries(1):  # type: ignore[operator]
        counts = scope_counts(nodes)
    by_depth = {node.depth: counts[node] for node in nodes}
    assert by_depth == {0: 12, 1: 4, 2: 2, 3: 1}


def test_ordinals_sort_as_text_like_the_numbers_they_are() -> None:
    numbers = [0, 1, 9, 10, 35, 36, 37, 1295, 1296, 60_000_000]
    texts = [ordinal(number) for number in numbers]
    assert texts == sorted(texts) and {len(text) for text in texts} == {5}
    with pytest.raises(OverflowError):
        ordinal(36**5)


def test_twenty_thousand_nodes_load_in_bulk_and_page_by_index(
    cast: People, register: Register
) -> None:
    names = [f"Patient {number:05d}" for number in range(2860)]
    started = time.perf_counter()
    version = register(clinic(trained=names, twins=()), "large")
    took = time.perf_counter() - started
    nodes = ScopeNode.objects.filter(dataset=version.dataset)
    assert nodes.count() == 1 + 2860 * 7
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE registry_scopenode, registry_record")
    (root,) = scope_children(cast.alice, version.dataset_id)
    seen, after = [], None
    started = time.perf_counter()
    while page := scope_children(cast.alice, version.dataset_id, root.pk, after=after, limit=500):
        seen += [node.label for node in page]
        after = page[-1].path
    paged = time.perf_counter() - started
    assert seen == names
    assert scope_counts([root]) == {root: 2860 * 4}
    plan = nodes.filter(parent=root, path__gt=page_start(root)).order_by("path")[:50].explain()
    assert "Seq Scan" not in plan and "Sort" not in plan
    print(f"\n20,021 nodes and 11,440 records in {took:.1f} s, all pages in {paged * 1000:.0f} ms")  # noqa: T201


def page_start(root: ScopeNode) -> str:
    return f"{root.path}.{ordinal(1400)}"


def test_namesakes_in_two_clinics_are_two_persons(register: Register) -> None:
    subjects = (("North Clinic", "Erika Mustermann"), ("South Clinic", "Erika Mustermann"))
    version = register(
        replace(
            clinic(),
            records=tuple(records_of(subjects)),
            arms={subject: clinic().arms["North Clinic", "Max Beispiel"] for subject in subjects},
        )
    )
    found = scope_search(SYSTEM, version.dataset_id, "Erika Mustermann")
    assert [trail[0].label for trail in scope_trails(found).values()] == [
        "North Clinic",
        "South Clinic",
    ]
