"""Which model version holds what: training uses, inherited by descendants, less erasures.

A version holds what it was trained on itself and what its parent held. An erasure takes a
subtree away from everything held up to that version; training on it again later brings it back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from uuid import UUID

from django.db.models import Q, QuerySet

from expunge.registry.models import Arm, Erasure, ModelVersion, Record, ScopeNode, TrainingUse

PERSONAL = (Arm.TRAINED, Arm.TWIN)
"""Arms with data subjects; the public arm has none."""


@dataclass(frozen=True)
class Holding:
    """One arm of one dataset version that a model holds, less the subtrees erased since."""

    dataset_version_id: UUID
    arm: str
    erased: frozenset[UUID] = frozenset()


def subtree(node: ScopeNode, prefix: str = "") -> Q:
    """Return the condition for ``node`` and everything below it (one index range)."""
    return Q(
        **{
            f"{prefix}dataset_id": node.dataset_id,
            f"{prefix}path__gte": node.path,
            f"{prefix}path__lt": f"{node.path}/",
        }
    )


def subtrees(nodes: Iterable[ScopeNode], prefix: str = "") -> Q:
    """Return the condition for all at or below any of the nodes; nothing for no nodes."""
    return reduce(or_, (subtree(node, prefix) for node in nodes), Q(pk__in=[]))


def holdings(version: ModelVersion) -> frozenset[Holding]:
    """Return what one version holds."""
    return holdings_of([version])[version.pk]


def holdings_of(versions: Sequence[ModelVersion]) -> Mapping[UUID, frozenset[Holding]]:
    """Return what each version holds, with one pass over all of their ancestors."""
    parents = _parents(versions)
    uses: dict[UUID, set[tuple[UUID, str]]] = {pk: set() for pk in parents}
    for use in TrainingUse.objects.filter(model_version_id__in=parents):
        uses[use.model_version_id].add((use.dataset_version_id, use.arm))
    erased: dict[UUID, set[UUID]] = {pk: set() for pk in parents}
    for erasure in Erasure.objects.filter(model_version_id__in=parents):
        erased[erasure.model_version_id].add(erasure.node_id)
    known: dict[UUID, frozenset[Holding]] = {}
    for version in versions:
        for pk in _line(version.pk, parents):
            if pk not in known:
                above = known[parent] if (parent := parents[pk]) else frozenset()
                own = {Holding(dataset, arm) for dataset, arm in uses[pk]}
                known[pk] = frozenset(
                    Holding(held.dataset_version_id, held.arm, held.erased | erased[pk])
                    for held in above | own
                )
    return known


def held_records(held: Iterable[Holding]) -> QuerySet[Record]:
    """Return the records in the holdings: those of each arm that no erasure took away."""
    held = tuple(held)
    gone = ScopeNode.objects.in_bulk({pk for item in held for pk in item.erased})
    condition = Q(pk__in=[])
    for item in held:
        part = Q(version_id=item.dataset_version_id, arm=item.arm)
        if item.erased:
            part &= ~subtrees((gone[pk] for pk in item.erased), "node__")
        condition |= part
    return Record.objects.filter(condition)


def descendants(roots: Iterable[UUID]) -> frozenset[UUID]:
    """Return the ids of the versions and of everything made from them."""
    found: set[UUID] = set()
    frontier = set(roots)
    while frontier:
        found |= frontier
        children = ModelVersion.objects.filter(parent_id__in=frontier).values_list("pk", flat=True)
        frontier = set(children) - found
    return frozenset(found)


def _parents(versions: Iterable[ModelVersion]) -> dict[UUID, UUID | None]:
    parents: dict[UUID, UUID | None] = {version.pk: version.parent_id for version in versions}
    frontier = {parent for parent in parents.values() if parent} - parents.keys()
    while frontier:
        rows = ModelVersion.objects.filter(pk__in=frontier).values_list("pk", "parent_id")
        parents.update(dict(rows))
        frontier = {parent for parent in parents.values() if parent} - parents.keys()
    return parents


def _line(version: UUID, parents: Mapping[UUID, UUID | None]) -> list[UUID]:
    line = [version]
    while (parent := parents[line[-1]]) is not None:
        line.append(parent)
    return line[::-1]
