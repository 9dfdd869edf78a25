"""How many records stand below each node of a scope tree, kept beside the tree.

Counting below a root takes seconds when a tree has millions of nodes, and people look at roots
all day. So the numbers are written once, when a version of the dataset comes in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.db import connection

from expunge.registry.models import Dataset, ScopeCount, ScopeNode
from expunge.registry.tree import WIDTH

COUNT_LEVEL = """
INSERT INTO registry_scopecount (node_id, records)
SELECT above.id, counted.records
FROM (
    SELECT left(node.path, %(width)s) AS place, count(DISTINCT record.key) AS records
    FROM registry_record AS record JOIN registry_scopenode AS node ON node.id = record.node_id
    WHERE node.dataset_id = %(dataset)s AND node.depth >= %(depth)s
    GROUP BY place
) AS counted
JOIN registry_scopenode AS above
    ON above.dataset_id = %(dataset)s AND above.path = counted.place COLLATE "C"
ON CONFLICT (node_id) DO UPDATE SET records = excluded.records
"""


def counts_write(dataset: Dataset) -> None:
    """Count the records below every node of a dataset anew, one statement a level.

    A record that stands in several versions of the dataset counts once.
    """
    with connection.cursor() as cursor:
        for depth in range(len(dataset.levels)):
            width = (depth + 1) * WIDTH + depth  # the ordinals and the dots between them
            place: dict[str, str | int] = {
                "dataset": str(dataset.pk),
                "depth": depth,
                "width": width,
            }
            cursor.execute(COUNT_LEVEL, place)


def scope_counts(nodes: Sequence[ScopeNode]) -> Mapping[ScopeNode, int]:
    """Return how many records each node has below it, in one query."""
    found = ScopeCount.objects.filter(node__in=nodes).values_list("node_id", "records")
    known = dict(found)
    return {node: known.get(node.pk, 0) for node in nodes}
