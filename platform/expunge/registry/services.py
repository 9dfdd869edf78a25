"""Writing the registry: datasets with their trees, models and their immutable versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils.translation import gettext as _
from pydantic import TypeAdapter, ValidationError

from contract.job import Recipe
from contract.manifest import FileEntry, manifest_digest
from expunge.accounts.models import Controller
from expunge.accounts.permissions import Actor, Permission
from expunge.audit.actions import AuditAction
from expunge.audit.services import audit_record
from expunge.common.errors import ConflictError, InvalidInputError
from expunge.registry.artifacts import artifact_manifest, local_folder
from expunge.registry.ingest import DatasetFacts, load_records, read_facts
from expunge.registry.ledger import dataset_alerts_raise, model_alerts_raise
from expunge.registry.lineage import holdings
from expunge.registry.matching import restored_from
from expunge.registry.models import (
    Dataset,
    DatasetVersion,
    Erasure,
    Model,
    ModelVersion,
    ScopeNode,
    TrainingUse,
)

LAYOUTS = ("whole", "sharded")
_RECIPE: TypeAdapter[Recipe] = TypeAdapter(Recipe)
_MANIFEST: TypeAdapter[tuple[FileEntry, ...]] = TypeAdapter(tuple[FileEntry, ...])


def dataset_version_register(
    *, actor: Actor, controller_id: UUID, name: str, uri: str
) -> DatasetVersion:
    """Register the dataset folder at ``uri`` as the next version of the named dataset.

    The scope tree is built or extended, the records are stored by place and digest, and the
    digest of the coin flips is sealed in the audit log. Who was erased before and stands in it
    again raises an alert (``version.alerts``).

    Raises:
        NotFoundError: ``dataset_missing``.
        InvalidInputError: ``dataset_unusable``, ``uri_not_supported``.
        ConflictError: ``dataset_levels_changed``, ``dataset_already_registered``.
    """
    actor.require(Permission.REGISTRY_WRITE, controller_id)
    with local_folder(uri, missing="dataset_missing", thing="dataset") as folder:
        facts = read_facts(folder)
        with transaction.atomic():
            dataset = _dataset(controller_id, name, facts)
            version = _dataset_version(dataset, uri, facts)
            load_records(folder, facts.header, version)
            audit_record(
                action=AuditAction.DATASET_VERSION_REGISTERED,
                actor=actor.pseudonym,
                controller_id=controller_id,
                subject={"dataset": str(dataset.pk), "dataset_version": str(version.pk)},
                data={
                    "number": version.number,
                    "digest": version.digest,
                    "assignment_digest": version.assignment_digest,
                    "records": version.record_count,
                },
            )
            dataset_alerts_raise(version)
    return version


@transaction.atomic
def model_register(
    *,
    actor: Actor,
    controller_id: UUID,
    name: str,
    family: str = "causal_lm",
    description: str = "",
) -> Model:
    """Register a model by its name; raises ``model_name_taken``."""
    actor.require(Permission.REGISTRY_WRITE, controller_id)
    try:
        with transaction.atomic():
            model = Model.objects.create(
                controller_id=controller_id, name=name, family=family, description=description
            )
    except IntegrityError as error:
        raise ConflictError(
            "model_name_taken", _("A model of this name exists; register a new version of it.")
        ) from error
    audit_record(
        action=AuditAction.MODEL_REGISTERED,
        actor=actor.pseudonym,
        controller_id=controller_id,
        subject={"model": str(model.pk)},
        data={"family": family},
    )
    return model


def model_version_register(  # noqa: PLR0913 - a version is written once, whole
    *,
    actor: Actor,
    model: Model,
    uri: str,
    layout: str,
    recipe: Mapping[str, Any],
    uses: Sequence[tuple[DatasetVersion, str]],
    parent: ModelVersion | None = None,
    method: str = "",
    effect: str = "",
    erased: Sequence[ScopeNode] = (),
) -> ModelVersion:
    """Register the artifact at ``uri`` as the model's next version.

    ``uses`` is what this version was trained on itself; what its parent held it holds too, less
    ``erased``. For a version made by an erasure, uses that its parent already has are not
    repeated: they would say that it was trained on the erased records anew.

    A version that holds someone who was erased before raises an alert (``version.alerts``). One
    without a parent whose weights are an earlier version's becomes that version's child: a
    restored checkpoint holds what it held.

    Raises:
        NotFoundError: ``artifact_missing``.
        InvalidInputError: ``layout_unknown``, ``recipe_invalid``, ``uri_not_supported``,
            ``other_controller``.
    """
    controller_id = model.controller_id
    actor.require(Permission.REGISTRY_WRITE, controller_id)
    _check_version(model, layout, uses, parent, erased)
    checked = _recipe(recipe)
    manifest = artifact_manifest(uri)
    with transaction.atomic():
        Model.objects.select_for_update().get(pk=model.pk)
        digest, files = manifest_digest(manifest), _MANIFEST.dump_python(manifest, mode="json")
        restored = None if erased else restored_from(digest, files, controller_id)
        parent = parent or restored
        version = ModelVersion.objects.create(
            model=model,
            number=1 + (model.versions.aggregate(last=Max("number"))["last"] or 0),
            uri=uri,
            digest=digest,
            manifest=files,
            layout=layout,
            parent=parent,
            recipe=checked,
            method=method,
            effect=effect,
        )
        _link(version, uses, erased)
        audit_record(
            action=AuditAction.MODEL_VERSION_REGISTERED,
            actor=actor.pseudonym,
            controller_id=controller_id,
            subject={"model": str(model.pk), "model_version": str(version.pk)},
            data={
                "number": version.number,
                "digest": version.digest,
                "parent": str(parent.pk) if parent else None,
                "method": method,
                "effect": effect,
                "dataset_versions": sorted({str(item.pk) for item, _ in uses}),
                "erased": sorted(str(node.pk) for node in erased),
            },
        )
        if not erased:
            model_alerts_raise(version, restored)
    return version


def _dataset(controller_id: UUID, name: str, facts: DatasetFacts) -> Dataset:
    # The lock keeps two registrations from numbering versions and tree nodes alike.
    Controller.objects.select_for_update().get(pk=controller_id)
    header = facts.header
    dataset, _made = Dataset.objects.get_or_create(
        controller_id=controller_id,
        name=name,
        defaults={"levels": list(header.levels), "subject_level": header.subject_level},
    )
    if (tuple(dataset.levels), dataset.subject_level) != (header.levels, header.subject_level):
        raise ConflictError(
            "dataset_levels_changed",
            _(
                "The earlier versions of this dataset have other levels. "
                "Register it under a new name."
            ),
        )
    if dataset.versions.filter(digest=facts.digest).exists():
        raise ConflictError(
            "dataset_already_registered", _("A version with exactly these files is registered.")
        )
    return dataset


def _dataset_version(dataset: Dataset, uri: str, facts: DatasetFacts) -> DatasetVersion:
    return DatasetVersion.objects.create(
        dataset=dataset,
        number=1 + (dataset.versions.aggregate(last=Max("number"))["last"] or 0),
        uri=uri,
        digest=facts.digest,
        assignment_digest=facts.assignment_digest,
        seed=facts.header.seed,
        forms=list(facts.header.forms),
        record_count=facts.header.counts.get("records", 0),
    )


def _check_version(
    model: Model,
    layout: str,
    uses: Sequence[tuple[DatasetVersion, str]],
    parent: ModelVersion | None,
    erased: Sequence[ScopeNode],
) -> None:
    if layout not in LAYOUTS:
        raise InvalidInputError(
            "layout_unknown",
            _("The layout is one of %(layouts)s.") % {"layouts": ", ".join(LAYOUTS)},
            field="layout",
        )
    controllers = {version.dataset.controller_id for version, _ in uses}
    controllers |= {node.dataset.controller_id for node in erased}
    controllers |= {parent.model.controller_id} if parent else set()
    if controllers - {model.controller_id}:
        raise InvalidInputError(
            "other_controller",
            _("Its datasets, nodes and parent must be of the same organisation."),
        )


def _recipe(recipe: Mapping[str, Any]) -> dict[str, Any]:
    try:
        checked = _RECIPE.validate_python(dict(recipe))
    except ValidationError as error:
        raise InvalidInputError(
            "recipe_invalid",
            _("The recipe is not valid: %(msg)s.") % {"msg": error.errors()[0]["msg"]},
            field="recipe",
        ) from error
    return dict(_RECIPE.dump_python(checked, mode="json"))


def _link(
    version: ModelVersion,
    uses: Sequence[tuple[DatasetVersion, str]],
    erased: Sequence[ScopeNode],
) -> None:
    inherited: set[tuple[UUID, str]] = set()
    if erased and version.parent is not None:
        held = holdings(version.parent)
        inherited = {(item.dataset_version_id, item.arm) for item in held}
    TrainingUse.objects.bulk_create(
        TrainingUse(model_version=version, dataset_version=item, arm=str(arm))
        for item, arm in dict.fromkeys(uses)
        if (item.pk, str(arm)) not in inherited
    )
    Erasure.objects.bulk_create(
        Erasure(model_version=version, node=node) for node in dict.fromkeys(erased)
    )
