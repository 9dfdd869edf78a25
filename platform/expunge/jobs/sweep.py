"""Finds everything that is due, from Postgres alone, and has somebody look at it.

Run by the beat, when a worker starts, and whenever a job ends. With it, nothing depends on a
message, a signal or a process that may be lost.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from uuid import UUID

from django.db.models import QuerySet

from expunge.certificates.supersession import REPLACE, supersessions_due
from expunge.jobs import queue
from expunge.jobs.certification import tickets_unstated
from expunge.jobs.comebacks import alerts_sweep
from expunge.jobs.folder import folders_sweep
from expunge.jobs.leases import DUE
from expunge.jobs.models import Batch, ErasureJob
from expunge.jobs.reviews import reviews_plan
from expunge.jobs.services import AT_WORK, jobs_plan, jobs_stop, model_stop
from expunge.jobs.states import BATCH_AT_WORK
from expunge.tickets.holds import models_held
from expunge.tickets.models import Ticket
from expunge.tickets.states import TicketState

logger = logging.getLogger(__name__)


def sweep() -> None:
    """Put everything that is due on its way. One ticket that fails does not hold up the others."""
    folders_sweep()
    at_work = ErasureJob.objects.filter(state__in=AT_WORK)
    stopped = at_work.exclude(ticket__state=TicketState.IN_PROGRESS)
    _for_each(Ticket.objects.filter(jobs__in=stopped), jobs_stop)
    for model_id in _held():
        model_stop(model_id=model_id)
    begun = (TicketState.APPROVED, TicketState.IN_PROGRESS)
    _for_each(Ticket.objects.filter(state__in=begun), jobs_plan)
    for batch_id in Batch.objects.filter(DUE).order_by("created_at").values_list("pk", flat=True):
        queue.enqueue(queue.BATCH_RUN, batch_id)
    _whole(alerts_sweep)
    _whole(reviews_plan)
    ended = (TicketState.VERIFIED, TicketState.CERTIFIED)
    for ticket_id in _oldest(Ticket.objects.filter(state__in=ended)):
        queue.enqueue(queue.TICKET_CERTIFY, ticket_id)
    for ticket_id in _oldest(tickets_unstated()):
        queue.enqueue(queue.TICKET_CERTIFY, ticket_id)
    for certificate_id in supersessions_due().values_list("certificate_id", flat=True):
        queue.enqueue(REPLACE, certificate_id)


def _held() -> frozenset[UUID]:
    """Return the models that a legal hold covers while a run is at work on them."""
    states = [str(state) for state in BATCH_AT_WORK]
    at_work = Batch.objects.filter(state__in=states).values_list("model_id", flat=True)
    return models_held(at_work)


def _whole(act: Callable[[], None]) -> None:
    """Do a part of the sweep; when it fails, the other parts go on."""
    try:
        act()
    except Exception as error:  # noqa: BLE001 - one part must not hold up the others
        logger.error("%s failed: %s", act.__name__, type(error).__name__)  # noqa: TRY400 - the same


def _for_each(tickets: QuerySet[Ticket], act: Callable[..., None]) -> None:
    for ticket_id in _oldest(tickets.distinct()):
        try:
            act(ticket_id=ticket_id)
        except Exception as error:  # noqa: BLE001 - one ticket must not hold up the others
            # No trace: it may quote data.
            logger.error("Ticket %s is stuck: %s", ticket_id, type(error).__name__)  # noqa: TRY400


def _oldest(tickets: QuerySet[Ticket]) -> list[UUID]:
    return list(tickets.order_by("created_at").values_list("pk", flat=True))
