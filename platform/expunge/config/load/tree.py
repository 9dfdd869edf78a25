"""A registered dataset with a scope tree of any size, without a folder behind it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from uuid import UUID, uuid4

from expunge.accounts.models import Controller
from expunge.common.bulk import copy_rows
from expunge.registry.counts import counts_write
from expunge.registry.models import (
    Arm,
    Dataset,
    DatasetVersion,
    Model,
    ModelVersion,
    Record,
    ScopeNode,
    TrainingUse,
)
from expunge.registry.tree import label_index, ordinal

LEVELS = ("institution", "patient", "study", "section")
STUDIES, SECTIONS = 4, 5
NODES_PER_PATIENT = 1 + STUDIES * (1 + SECTIONS)
PATIENTS_PER_INSTITUTION = 2000
BATCH = 5000
NO_DIGEST = "sha256:" + "0" * 64


def tree_seed(controller: Controller, nodes: int) -> list[UUID]:
    """Store a dataset with about ``nodes`` scope nodes and a model trained on it.

    Returns the ids of the patients' nodes.
    """
    dataset = Dataset.objects.create(
        controller=controller, name="Load", levels=list(LEVELS), subject_level=1
    )
    version = DatasetVersion.objects.create(
        dataset=dataset,
        number=1,
        uri="memory://load",
        digest=NO_DIGEST,
        assignment_digest=NO_DIGEST,
        seed=0,
        forms=["question"],
        record_count=0,
    )
    patients: list[UUID] = []
    grown = _nodes(dataset, max(1, nodes // NODES_PER_PATIENT), patients)
    position = 0
    while batch := list(islice(grown, BATCH)):
        copy_rows(ScopeNode, batch)
        sections = [node for node in batch if node.depth == len(LEVELS) - 1]
        copy_rows(Record, [_record(version, node, position + n) for n, node in enumerate(sections)])
        position += len(sections)
    DatasetVersion.objects.filter(pk=version.pk).update(record_count=position)
    counts_write(dataset)
    model = Model.objects.create(controller=controller, name="Load assistant")
    trained = ModelVersion.objects.create(
        model=model, number=1, uri="memory://load/1", digest=NO_DIGEST, manifest=[]
    )
    TrainingUse.objects.create(model_version=trained, dataset_version=version, arm=Arm.TRAINED)
    return patients


def _nodes(dataset: Dataset, patients: int, found: list[UUID]) -> Iterator[ScopeNode]:
    for number in range(patients):
        place, patient_number = divmod(number, PATIENTS_PER_INSTITUTION)
        if patient_number == 0:
            institution = _node(dataset, None, place, f"Institution {place}")
            yield institution
        patient = _node(dataset, institution, patient_number, person_name(number))
        found.append(patient.pk)
        yield patient
        for study_number in range(STUDIES):
            study = _node(dataset, patient, study_number, f"Study {study_number}")
            yield study
            for section_number in range(SECTIONS):
                yield _node(dataset, study, section_number, f"Section {section_number}")


def person_name(number: int) -> str:
    """Return the name of the patient with this number."""
    return f"Person {number:06d}"


def _node(dataset: Dataset, parent: ScopeNode | None, number: int, label: str) -> ScopeNode:
    return ScopeNode(
        id=uuid4(),
        dataset=dataset,
        parent_id=parent.pk if parent else None,
        path=f"{parent.path}.{ordinal(number)}" if parent else ordinal(number),
        depth=parent.depth + 1 if parent else 0,
        label=label,
        label_index=label_index(label, dataset.controller_id),
    )


def _record(version: DatasetVersion, node: ScopeNode, position: int) -> Record:
    return Record(
        version=version,
        node_id=node.pk,
        key=f"r-{position}",
        position=position,
        digest=NO_DIGEST,
        arm=Arm.TRAINED,
    )
