"""What a training pipeline tells in one call: this artifact is the next version of that model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from expunge.accounts.permissions import Actor, Permission
from expunge.common.errors import ConflictError, NotFoundError
from expunge.registry.models import DatasetVersion, Model, ModelVersion
from expunge.registry.services import model_register, model_version_register


def training_run_register(  # noqa: PLR0913 - a version is written once, whole
    *,
    actor: Actor,
    controller_id: UUID,
    name: str,
    family: str,
    uri: str,
    layout: str,
    recipe: Mapping[str, Any],
    uses: Sequence[tuple[DatasetVersion, str]],
    parent: ModelVersion | None = None,
) -> tuple[ModelVersion, bool]:
    """Register an artifact under a model's name; say whether it is a new version.

    A model that is missing is made. An artifact with exactly the files of an earlier version is
    that version: nothing is registered twice, however often a pipeline tells of it.

    Raises:
        ConflictError: ``version_differs``, these files are registered as trained on other data.
    """
    actor.require(Permission.REGISTRY_WRITE, controller_id)
    model = _model(actor, controller_id, name, family)
    with transaction.atomic():
        # Held while the files are read, so that two who tell of the same files meet here.
        model = Model.objects.select_for_update().get(pk=model.pk)
        version = model_version_register(
            actor=actor,
            model=model,
            uri=uri,
            layout=layout,
            recipe=recipe,
            uses=uses,
            parent=parent,
        )
        twin = model.versions.filter(digest=version.digest).exclude(pk=version.pk).first()
        if twin is None:
            return version, True
        transaction.set_rollback(True)
    held = set(twin.training_uses.values_list("dataset_version_id", "arm"))
    if held != {(item.pk, str(arm)) for item, arm in uses}:
        raise ConflictError(
            "version_differs",
            _(
                "Version %(number)s has exactly these files and is registered as trained "
                "on other data. A version is written once: find out which is true."
            )
            % {"number": twin.number},
        )
    return twin, False


def dataset_version_by_digest(actor: Actor, digest: str) -> DatasetVersion:
    """Return the newest dataset version with this digest; raises ``dataset_version_unknown``."""
    controllers = actor.controllers(Permission.REGISTRY_VIEW)
    found = (
        DatasetVersion.objects.filter(digest=digest, dataset__controller_id__in=controllers)
        .select_related("dataset")
        .order_by("-created_at")
        .first()
    )
    if found is None:
        raise NotFoundError(
            "dataset_version_unknown",
            _("No dataset version with this digest is registered for you."),
        )
    return found


def model_version_by_digest(actor: Actor, digest: str) -> ModelVersion:
    """Return the newest model version with this digest; raises ``model_version_unknown``."""
    controllers = actor.controllers(Permission.REGISTRY_VIEW)
    found = (
        ModelVersion.objects.filter(digest=digest, model__controller_id__in=controllers)
        .select_related("model")
        .order_by("-created_at")
        .first()
    )
    if found is None:
        raise NotFoundError(
            "model_version_unknown", _("No model version with this digest is registered for you.")
        )
    return found


def _model(actor: Actor, controller_id: UUID, name: str, family: str) -> Model:
    wanted = Model.objects.filter(controller_id=controller_id, name=name)
    model = wanted.first()
    if model is not None:
        return model
    try:
        return model_register(actor=actor, controller_id=controller_id, name=name, family=family)
    except ConflictError:  # another run made it meanwhile
        return wanted.get()
