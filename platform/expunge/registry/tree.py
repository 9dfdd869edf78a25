"""The scope tree while a dataset is read: nodes by their labels, made in bulk.

Paths are materialised: base-36 ordinals of fixed width, joined by dots. Nodes of earlier
versions of the dataset are found again by their labels, so a ticket's scope outlives a version.
"""

from __future__ import annotations

from collections import defaultdict
from uuid import UUID, uuid4

from expunge.common.bulk import copy_rows
from expunge.common.crypto import blind_index
from expunge.registry.models import Dataset, ScopeNode

WIDTH = 5
"""Digits of an ordinal: room for 60 million siblings."""
BATCH = 2000
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def ordinal(number: int) -> str:
    """Write a number (0-based) as a path segment; order of text is order of numbers."""
    digits = ""
    while number:
        number, digit = divmod(number, len(DIGITS))
        digits = DIGITS[digit] + digits
    if len(digits) > WIDTH:
        message = f"a node has more than {len(DIGITS) ** WIDTH} children"
        raise OverflowError(message)
    return digits.rjust(WIDTH, "0")


def path_and_above(path: str) -> list[str]:
    """Return the paths from the root down to this one."""
    segments = path.split(".")
    return [".".join(segments[: depth + 1]) for depth in range(len(segments))]


def label_index(label: str, controller_id: UUID) -> bytes:
    """Return the blind index by which a label is found again, within one controller."""
    return blind_index(label, context=f"registry.scopenode.label:{controller_id}")


class TreeBuilder:
    """Finds or makes the node of a path of labels, and stores new nodes in batches.

    A node whose label was shredded is found again by its parent and its blind index: whoever was
    erased and comes back is the same node.
    """

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._ids: dict[tuple[str, ...], UUID] = {}
        self._nameless: dict[tuple[UUID | None, bytes], UUID] = {}
        self._paths: dict[UUID | None, str] = {None: ""}
        self._children: dict[UUID | None, int] = defaultdict(int)
        self._fresh: list[ScopeNode] = []
        self._recall()

    def node(self, labels: tuple[str, ...]) -> UUID:
        """Return the id of the node that the labels lead to, from the root."""
        known = self._ids.get(labels)
        if known is not None:
            return known
        parent = self.node(labels[:-1]) if len(labels) > 1 else None
        index = label_index(labels[-1], self._dataset.controller_id)
        known = self._nameless.get((parent, index))
        if known is not None:
            self._ids[labels] = known
            return known
        node = ScopeNode(
            id=uuid4(),
            dataset=self._dataset,
            parent_id=parent,
            path=self._next_path(parent),
            depth=len(labels) - 1,
            label=labels[-1],
            label_index=index,
        )
        self._ids[labels] = node.pk
        self._paths[node.pk] = node.path
        self._fresh.append(node)
        if len(self._fresh) >= BATCH:
            self.flush()
        return node.pk

    def flush(self) -> None:
        """Store the nodes made since the last time."""
        copy_rows(ScopeNode, self._fresh)
        self._fresh = []

    def _next_path(self, parent: UUID | None) -> str:
        segment = ordinal(self._children[parent])
        self._children[parent] += 1
        above = self._paths[parent]
        return f"{above}.{segment}" if above else segment

    def _recall(self) -> None:
        labels: dict[UUID, tuple[str, ...]] = {}
        stored = ScopeNode.objects.filter(dataset=self._dataset).order_by("path")
        for node in stored.iterator(chunk_size=BATCH):
            above = labels[node.parent_id] if node.parent_id else ()
            labels[node.pk] = (*above, node.label)
            if "" in labels[node.pk]:
                self._nameless[node.parent_id, bytes(node.label_index)] = node.pk
            else:
                self._ids[labels[node.pk]] = node.pk
            self._paths[node.pk] = node.path
            self._children[node.parent_id] += 1
