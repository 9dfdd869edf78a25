"""The scope a person is putting together: ids of nodes in their session, never a name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.http import HttpRequest

from expunge.accounts.permissions import Actor
from expunge.registry import selectors
from expunge.registry.models import Dataset, ModelVersion
from expunge.web.parse import uuids
from expunge.web.tree import Branch, branches_of

KEY = "draft-scope"
MOST_NODES = 500


@dataclass(frozen=True)
class Draft:
    """The chosen nodes with their record counts, and every model version that they touch."""

    branches: Sequence[Branch]
    versions: Sequence[ModelVersion]

    @property
    def node_ids(self) -> tuple[UUID, ...]:
        """Return the ids of the chosen nodes."""
        return tuple(branch.node.pk for branch in self.branches)

    @property
    def dataset(self) -> Dataset | None:
        """Return the dataset of the chosen nodes, if any is chosen."""
        return self.branches[0].node.dataset if self.branches else None

    @property
    def controller_id(self) -> UUID | None:
        """Return the organisation whose data is chosen."""
        return self.dataset.controller_id if self.dataset else None

    @property
    def records(self) -> int:
        """Return how many records are in scope."""
        return sum(branch.records for branch in self.branches)


def draft_of(request: HttpRequest, actor: Actor) -> Draft:
    """Return the draft with its counts; nodes the person may not see have dropped out."""
    nodes = selectors.scope_nodes(actor, uuids(request.session.get(KEY, ())))
    versions = selectors.versions_touched(nodes) if nodes else ()
    return Draft(branches_of(nodes, trails=True), versions)


def draft_add(request: HttpRequest, actor: Actor, node_id: UUID) -> None:
    """Add a node. What stands below it needs no place of its own; another organisation's go."""
    chosen = selectors.scope_nodes(actor, (*uuids(request.session.get(KEY, ())), node_id))
    fresh = next((node for node in chosen if node.pk == node_id), None)
    if fresh is None or len(chosen) > MOST_NODES:
        return
    kept = [node for node in chosen if node.dataset.controller_id == fresh.dataset.controller_id]
    places = {(node.dataset_id, node.path) for node in kept}
    request.session[KEY] = [
        str(node.pk) for node in kept if not _stands_below(node.dataset_id, node.path, places)
    ]


def draft_remove(request: HttpRequest, node_id: UUID) -> None:
    """Take a node out of the draft."""
    request.session[KEY] = [pk for pk in request.session.get(KEY, ()) if pk != str(node_id)]


def draft_clear(request: HttpRequest) -> None:
    """Begin anew."""
    request.session.pop(KEY, None)


def _stands_below(dataset_id: UUID, path: str, places: set[tuple[UUID, str]]) -> bool:
    segments = path.split(".")
    above = (".".join(segments[:depth]) for depth in range(1, len(segments)))
    return any((dataset_id, place) in places for place in above)
