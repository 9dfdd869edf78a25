"""Taking the names out of a scope tree once what they name is erased."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction

from expunge.registry.lineage import subtrees
from expunge.registry.models import ScopeNode

SHREDDED = ""
"""The label of a node whose name is gone."""
BATCH = 2000


@transaction.atomic
def labels_shred(nodes: Iterable[ScopeNode]) -> int:
    """Empty the labels of whole data subjects in scope, and of all below; return how many.

    A node below a data subject is only a part of them, so its person keeps their name. The blind
    index stays: by it the suppression ledger and later versions of the dataset know the person.
    """
    whole = [node for node in nodes if node.depth <= node.dataset.subject_level]
    if not whole:
        return 0
    below = ScopeNode.objects.filter(subtrees(whole)).select_related("dataset")
    named = [
        node
        for node in below.select_for_update(of=("self",)).order_by("pk").iterator(chunk_size=BATCH)
        if node.label != SHREDDED and node.depth >= node.dataset.subject_level
    ]
    for node in named:
        node.label = SHREDDED
    ScopeNode.objects.bulk_update(named, ["label"], batch_size=BATCH)
    return len(named)
