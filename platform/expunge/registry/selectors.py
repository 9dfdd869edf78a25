"""Reading the registry: scope trees, lineage, and which models a person's data touched."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from expunge.accounts.permissions import Actor, Permission
from expunge.common.errors import NotFoundError
from expunge.registry.lineage import (
    PERSONAL,
    descendants,
    held_records,
    holdings,
    holdings_of,
    subtrees,
)
from expunge.registry.models import (
    Dataset,
    DatasetVersion,
    Model,
    ModelVersion,
    Record,
    ScopeNode,
    TrainingUse,
)
from expunge.registry.tree import label_index, path_and_above

PAGE = 50


def datasets_visible(actor: Actor) -> QuerySet[Dataset]:
    """Return the datasets of the actor's controllers."""
    return Dataset.objects.filter(
        controller_id__in=actor.controllers(Permission.REGISTRY_VIEW)
    ).select_related("controller")


def dataset_get(actor: Actor, dataset_id: UUID) -> Dataset:
    """Return one dataset; raises ``dataset_unknown``."""
    found = datasets_visible(actor).filter(pk=dataset_id).first()
    if found is None:
        raise NotFoundError("dataset_unknown", _("There is no such dataset for you."))
    return found


def dataset_version_get(actor: Actor, version_id: UUID) -> DatasetVersion:
    """Return one dataset version; raises ``dataset_version_unknown``."""
    found = DatasetVersion.objects.filter(
        pk=version_id, dataset__controller_id__in=actor.controllers(Permission.REGISTRY_VIEW)
    ).first()
    if found is None:
        raise NotFoundError(
            "dataset_version_unknown", _("There is no such dataset version for you.")
        )
    return found


def models_visible(actor: Actor) -> QuerySet[Model]:
    """Return the models of the actor's controllers, with their versions."""
    return (
        Model.objects.filter(controller_id__in=actor.controllers(Permission.REGISTRY_VIEW))
        .select_related("controller")
        .prefetch_related("versions")
    )


def model_get(actor: Actor, model_id: UUID) -> Model:
    """Return one model; raises ``model_unknown``."""
    found = models_visible(actor).filter(pk=model_id).first()
    if found is None:
        raise NotFoundError("model_unknown", _("There is no such model for you."))
    return found


def model_version_get(actor: Actor, version_id: UUID) -> ModelVersion:
    """Return one model version; raises ``model_version_unknown``."""
    found = (
        ModelVersion.objects.filter(
            pk=version_id, model__controller_id__in=actor.controllers(Permission.REGISTRY_VIEW)
        )
        .select_related("model", "parent")
        .first()
    )
    if found is None:
        raise NotFoundError("model_version_unknown", _("There is no such model version for you."))
    return found


def lineage(actor: Actor, model_id: UUID) -> tuple[ModelVersion, ...]:
    """Return a model's versions, oldest first, with parents, training uses and erasures."""
    model = model_get(actor, model_id)
    return tuple(
        ModelVersion.objects.filter(model=model)
        .select_related("model", "parent__model")
        .prefetch_related(
            "training_uses__dataset_version__dataset", "erasures__node__dataset", "alerts"
        )
        .order_by("number")
    )


def scope_children(
    actor: Actor,
    dataset_id: UUID,
    parent_id: UUID | None = None,
    after: str | None = None,
    limit: int = PAGE,
) -> tuple[ScopeNode, ...]:
    """Return one page of a node's children (of the roots without ``parent_id``), in order.

    ``after`` is the ``path`` of the last node of the page before.
    """
    nodes = ScopeNode.objects.filter(dataset=dataset_get(actor, dataset_id), parent_id=parent_id)
    if after:
        nodes = nodes.filter(path__gt=after)
    return tuple(nodes.select_related("dataset").order_by("path")[:limit])


def scope_search(actor: Actor, dataset_id: UUID, label: str) -> tuple[ScopeNode, ...]:
    """Return the nodes with exactly this label, whatever its case and spacing."""
    dataset = dataset_get(actor, dataset_id)
    return tuple(
        ScopeNode.objects.filter(
            dataset=dataset, label_index=label_index(label, dataset.controller_id)
        )
        .select_related("dataset")
        .order_by("path")[:PAGE]
    )


def scope_nodes(actor: Actor, ids: Iterable[UUID]) -> tuple[ScopeNode, ...]:
    """Return the nodes with these ids that the actor may see, in the order of the tree."""
    return tuple(
        ScopeNode.objects.filter(
            pk__in=list(ids),
            dataset__controller_id__in=actor.controllers(Permission.REGISTRY_VIEW),
        )
        .select_related("dataset")
        .order_by("dataset", "path")
    )


def scope_trails(nodes: Sequence[ScopeNode]) -> Mapping[ScopeNode, tuple[ScopeNode, ...]]:
    """Return for every node the nodes from its root down to itself, in one query."""
    wanted = {(node.dataset_id, path) for node in nodes for path in path_and_above(node.path)}
    found = {
        (item.dataset_id, item.path): item
        for item in ScopeNode.objects.filter(
            dataset_id__in={dataset for dataset, _ in wanted},
            path__in={path for _, path in wanted},
        ).select_related("dataset")
    }
    return {
        node: tuple(found[node.dataset_id, path] for path in path_and_above(node.path))
        for node in nodes
    }


def records_in_scope(nodes: Iterable[ScopeNode], arm: str | None = None) -> QuerySet[Record]:
    """Return every record at or below the nodes, of one arm or of all, in all versions."""
    records = Record.objects.filter(subtrees(nodes, "node__"))
    return records if arm is None else records.filter(arm=arm)


def records_held(version: ModelVersion) -> QuerySet[Record]:
    """Return every record the version holds: trained on, here or by an ancestor, and not erased."""
    return held_records(holdings(version))


def versions_touched(nodes: Iterable[ScopeNode]) -> tuple[ModelVersion, ...]:
    """Return every model version that still holds personal records at or below the nodes.

    Those are the versions trained on them and the versions made from those, unless an erasure
    took all of these records away.
    """
    nodes = tuple(nodes)
    inside = records_in_scope(nodes).filter(arm__in=PERSONAL)
    pairs = set(inside.order_by().values_list("version_id", "arm").distinct())
    trained = TrainingUse.objects.filter(dataset_version_id__in={pk for pk, _ in pairs})
    roots = {use.model_version_id for use in trained if (use.dataset_version_id, use.arm) in pairs}
    candidates = tuple(
        ModelVersion.objects.filter(pk__in=descendants(roots))
        .select_related("model", "parent")
        .order_by("model__name", "number")
    )
    held = holdings_of(candidates)
    return tuple(
        version
        for version in candidates
        if inside.filter(
            pk__in=held_records(
                item for item in held[version.pk] if (item.dataset_version_id, item.arm) in pairs
            ).values("pk")
        ).exists()
    )
