"""Who of the erased comes back with a version: the questions put to the suppression ledger.

All are asked once, when a version is registered, and stay bounded for trees of millions of nodes
and thousands of entries: each entry is looked up in the version by index, never the other way.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Q

from expunge.registry.lineage import PERSONAL, held_records, holdings, subtree
from expunge.registry.models import (
    DatasetVersion,
    ModelVersion,
    ScopeNode,
    SuppressionAlert,
    SuppressionEntry,
)
from expunge.registry.tree import path_and_above

Matches = Mapping[UUID, frozenset[UUID]]
"""Nodes that match, by the ticket that erased them."""

WEIGHTS = frozenset(
    {".bin", ".ckpt", ".gguf", ".h5", ".msgpack", ".npz", ".onnx", ".pt", ".pth", ".safetensors"}
)
"""Files that hold what a model learned."""

# The inner query is a range of one index for one entry. OFFSET 0 keeps PostgreSQL from turning it
# into one join of all entries with all nodes, which it would guess to be cheaper.
_BELOW = """
SELECT entry.ticket_id, entry.node_id
FROM registry_suppressionentry entry
JOIN registry_scopenode gone ON gone.id = entry.node_id
WHERE gone.dataset_id = %s AND EXISTS (
    SELECT 1
    FROM (
        SELECT node.id FROM registry_scopenode node
        WHERE node.dataset_id = gone.dataset_id
            AND node.path >= gone.path AND node.path < gone.path || '/'
        OFFSET 0
    ) below
    JOIN registry_record record ON record.node_id = below.id
    WHERE record.version_id = %s AND record.arm = ANY(%s)
)
"""

# The indexes come as one array: whatever PostgreSQL knows of a dataset that was loaded a moment
# ago, it hashes them and reads the nodes once at most.
_ALIKE = """
SELECT node.label_index, node.id
FROM registry_scopenode node
WHERE node.dataset_id = %(dataset)s AND node.depth = %(depth)s
    AND node.label_index = ANY(%(indexes)s) AND EXISTS (
        SELECT 1
        FROM (
            SELECT item.id FROM registry_scopenode item
            WHERE item.dataset_id = node.dataset_id
                AND item.path >= node.path AND item.path < node.path || '/'
            OFFSET 0
        ) below
        JOIN registry_record record ON record.node_id = below.id
        WHERE record.version_id = %(version)s AND record.arm = ANY(%(arms)s)
    )
"""


def dataset_matches(version: DatasetVersion) -> Matches:
    """Return what was erased from this dataset and stands in the version again."""
    return _grouped(_entries_in(version.dataset_id, version.pk, PERSONAL))


def dataset_lookalikes(version: DatasetVersion) -> Matches:
    """Return the data subjects of the version who bear the label of one erased elsewhere.

    Those about whom a person decided before, or is to decide, are left out.
    """
    dataset = version.dataset
    erased: dict[bytes, set[UUID]] = defaultdict(set)
    elsewhere = SuppressionEntry.objects.filter(controller_id=dataset.controller_id)
    for index, ticket in elsewhere.exclude(node__dataset=dataset).values_list(
        "label_index", "ticket_id"
    ):
        erased[bytes(index)].add(ticket)
    given = {
        "dataset": dataset.pk,
        "depth": dataset.subject_level,
        "indexes": list(erased),
        "version": version.pk,
        "arms": list(PERSONAL),
    }
    asked = SuppressionAlert.objects.filter(
        kind="possible_match", dataset_version__dataset=dataset
    ).values_list("ticket_id", "nodes")
    known = {(ticket, node) for ticket, nodes in asked for node in nodes}
    alike = [
        (ticket, node)
        for index, node in (_rows(_ALIKE, given) if erased else ())
        for ticket in erased[bytes(index)]
    ]
    return _grouped(row for row in alike if row not in known)


def model_matches(version: ModelVersion) -> Matches:
    """Return what was erased and what the version holds: by its training or from its parent."""
    held = holdings(version)
    found: set[tuple[UUID, UUID]] = set()
    for item in held:
        if item.arm not in PERSONAL:
            continue
        dataset = DatasetVersion.objects.get(pk=item.dataset_version_id).dataset_id
        rows = _entries_in(dataset, item.dataset_version_id, [item.arm])
        found |= set(_still_held(rows, item.erased, held_records([item]))) if item.erased else rows
    return _grouped(found)


def restored_from(
    digest: str, manifest: Sequence[Mapping[str, Any]], controller_id: UUID
) -> ModelVersion | None:
    """Return an earlier version with these weights that holds someone erased since, if any.

    It is found by the digest of the whole artifact, or by its weight files: every one of the
    earlier version stands in this one too, whatever else was added.
    """
    weights = weight_digests(manifest)
    same = Q(digest=digest)
    for item in weights:
        same |= Q(manifest__contains=[{"sha256": item}])
    candidates = ModelVersion.objects.filter(same, model__controller_id=controller_id)
    for version in candidates.order_by("created_at"):
        theirs = weight_digests(version.manifest)
        alike = version.digest == digest or (theirs and theirs <= weights)
        if alike and model_matches(version):
            return version
    return None


def weight_digests(manifest: Sequence[Mapping[str, Any]]) -> frozenset[str]:
    """Return the digests of the files of an artifact that hold weights."""
    return frozenset(
        str(entry["sha256"])
        for entry in manifest
        if PurePosixPath(str(entry["path"])).suffix in WEIGHTS
    )


def _entries_in(dataset_id: UUID, version_id: UUID, arms: Iterable[str]) -> set[tuple[UUID, UUID]]:
    return set(_rows(_BELOW, [dataset_id, version_id, list(arms)]))


def _still_held(
    rows: Collection[tuple[UUID, UUID]], erased: frozenset[UUID], records: Any
) -> Iterable[tuple[UUID, UUID]]:
    """Leave out what an erasure took away; where it took only a part, look at the records."""
    nodes = ScopeNode.objects.in_bulk({node for _, node in rows} | set(erased))
    gone = {(nodes[pk].dataset_id, nodes[pk].path) for pk in erased}
    in_part = {(dataset, above) for dataset, path in gone for above in path_and_above(path)}
    for ticket, pk in rows:
        node = nodes[pk]
        if any((node.dataset_id, path) in gone for path in path_and_above(node.path)):
            continue
        untouched = (node.dataset_id, node.path) not in in_part
        if untouched or records.filter(subtree(node, "node__")).exists():
            yield ticket, pk


def _grouped(rows: Iterable[tuple[UUID, UUID]]) -> Matches:
    found: dict[UUID, set[UUID]] = defaultdict(set)
    for ticket, node in rows:
        found[ticket].add(node)
    return {ticket: frozenset(nodes) for ticket, nodes in found.items()}


def _rows(query: str, given: Any) -> list[tuple[Any, UUID]]:
    if not SuppressionEntry.objects.exists():
        return []
    with connection.cursor() as cursor:
        cursor.execute(query, given)
        return list(cursor.fetchall())
