"""What a job must take out of a model: its nodes, and the records below them.

As a rule that is what lineage says the model holds. When something came back, lineage is no
guide: the records are then those that any version of the model, or of its ancestors, was ever
trained on.
"""

from __future__ import annotations

from django.db.models import QuerySet

from expunge.jobs.models import ErasureJob
from expunge.registry.lineage import Holding, held_records
from expunge.registry.models import ModelVersion, Record, ScopeNode, TrainingUse
from expunge.registry.selectors import records_held, records_in_scope
from expunge.tickets.exemptions import nodes_to_erase
from expunge.tickets.models import Ticket


def scope_of(ticket: Ticket) -> tuple[ScopeNode, ...]:
    """Return the nodes below which everything is to be erased: the scope but for what is exempt."""
    return nodes_to_erase(ticket)


def job_scope(job: ErasureJob) -> tuple[ScopeNode, ...]:
    """Return the nodes of a job: its own when something else came back, else its ticket's."""
    if job.nodes:
        found = ScopeNode.objects.filter(pk__in=job.nodes).select_related("dataset")
        return tuple(found.order_by("dataset", "path"))
    return scope_of(job.ticket)


def job_held(job: ErasureJob, version: ModelVersion) -> QuerySet[Record]:
    """Return the records that count as held by a version, as far as this job is concerned."""
    held = records_held(version)
    return held | once_held(version, job_scope(job)) if job.cause else held


def once_held(version: ModelVersion, nodes: tuple[ScopeNode, ...]) -> QuerySet[Record]:
    """Return the records at or below the nodes that the version's kin was ever trained on."""
    kin = set(version.model.versions.values_list("pk", flat=True))
    above: ModelVersion | None = version
    while above is not None:
        kin.add(above.pk)
        above = above.parent
    uses = TrainingUse.objects.filter(model_version_id__in=kin)
    ever = {Holding(use.dataset_version_id, use.arm) for use in uses}
    return held_records(ever) & records_in_scope(nodes)
