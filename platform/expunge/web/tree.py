"""One page of a scope tree, as the pages and fragments show it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from expunge.accounts.permissions import Actor
from expunge.registry import selectors
from expunge.registry.counts import scope_counts
from expunge.registry.models import Dataset, ScopeNode

PAGE = 30


@dataclass(frozen=True)
class Branch:
    """A node with the records below it; ``leaf``: nothing can be opened below it."""

    node: ScopeNode
    records: int
    leaf: bool
    trail: Sequence[ScopeNode] = ()


@dataclass(frozen=True)
class Tree:
    """Children of ``parent`` (of the root when it is ``None``) after some place, one page."""

    dataset: Dataset
    parent: ScopeNode | None
    branches: Sequence[Branch]
    trail: Sequence[ScopeNode] = ()
    after: str = ""


def tree_page(
    actor: Actor, dataset_id: UUID, parent_id: UUID | None = None, after: str | None = None
) -> Tree:
    """Return one page of children; ``after`` is empty on the last page."""
    dataset = selectors.dataset_get(actor, dataset_id)
    parents = selectors.scope_nodes(actor, [parent_id]) if parent_id else ()
    parent = next((node for node in parents if node.dataset_id == dataset.pk), None)
    found = selectors.scope_children(
        actor, dataset_id, parent.pk if parent else None, after, PAGE + 1
    )
    shown = found[:PAGE]
    return Tree(
        dataset=dataset,
        parent=parent,
        branches=branches_of(shown),
        trail=selectors.scope_trails([parent])[parent] if parent else (),
        after=shown[-1].path if len(found) > PAGE else "",
    )


def branches_of(nodes: Sequence[ScopeNode], *, trails: bool = False) -> Sequence[Branch]:
    """Return nodes with their record counts, and with the way to them when asked."""
    counts = scope_counts(nodes)
    ways = selectors.scope_trails(nodes) if trails else {}
    return tuple(
        Branch(node, counts[node], node.depth + 1 >= len(node.dataset.levels), ways.get(node, ()))
        for node in nodes
    )
