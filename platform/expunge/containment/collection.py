"""From a ticket to what must not be said: its nodes, their records, the text of those."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from django.db.models import QuerySet

from expunge.common.errors import DomainError
from expunge.containment.wording import Wording, name_grams, wording_of
from expunge.registry.artifacts import local_folder
from expunge.registry.lineage import PERSONAL, subtree
from expunge.registry.models import DatasetVersion, Record, ScopeNode
from expunge.registry.selectors import records_in_scope

logger = logging.getLogger(__name__)


def wording_for(nodes: Sequence[ScopeNode]) -> tuple[Wording, bool]:
    """Return what to suppress for the nodes, and whether every record could be read.

    Without the records there are the names in the scope tree.
    """
    found, complete = Wording(), True
    inside = records_in_scope(nodes).filter(arm__in=PERSONAL)
    persons = [node for node in nodes if node.depth <= node.dataset.subject_level]
    whole = records_in_scope(persons)
    versions = DatasetVersion.objects.filter(pk__in=inside.order_by().values("version"))
    for version in versions.filter(training_uses__isnull=False).distinct():
        try:
            with local_folder(version.uri, missing="dataset_missing", thing="dataset") as folder:
                found.add(wording_of(folder, _keys(inside, version), _keys(whole, version)))
        except (DomainError, OSError, ValueError) as error:
            # No trace: it may quote data.
            logger.error("%s cannot be read: %s", version.pk, type(error).__name__)  # noqa: TRY400
            complete = False
    if not complete:
        for node in persons:
            for label in _names(node):
                found.names |= name_grams(label)
    return found, complete


def _keys(records: QuerySet[Record], version: DatasetVersion) -> frozenset[str]:
    found: frozenset[str] = frozenset(records.filter(version=version).values_list("key", flat=True))
    return found


def _names(node: ScopeNode) -> list[str]:
    subjects = ScopeNode.objects.filter(subtree(node), depth=node.dataset.subject_level)
    return [subject.label for subject in subjects]
