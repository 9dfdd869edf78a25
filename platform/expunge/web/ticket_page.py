"""What a ticket's page shows, put together from the selectors."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from expunge.accounts.permissions import Actor, Permission
from expunge.certificates.selectors import certificates_of
from expunge.jobs.selectors import jobs_of
from expunge.registry.selectors import versions_touched
from expunge.tickets import selectors
from expunge.tickets.models import Ticket
from expunge.tickets.regimes import regime_named
from expunge.tickets.rules import Task
from expunge.tickets.states import TERMINAL, TicketState
from expunge.web.clock_card import clock_card
from expunge.web.panels import panels_context
from expunge.web.reading import JobReading, read_job, stamp
from expunge.web.tasks import TaskForm
from expunge.web.tree import branches_of

AT_WORK = frozenset(
    {TicketState.APPROVED, TicketState.IN_PROGRESS, TicketState.VERIFIED, TicketState.CERTIFIED}
)


def ticket_context(
    actor: Actor, ticket_id: UUID, returned: TaskForm | None = None
) -> dict[str, Any]:
    """Return the values of the page; ``returned`` is a form that came back with errors."""
    ticket = selectors.ticket_get(actor, ticket_id)
    nodes = selectors.ticket_nodes(ticket)
    planned = ticket.state not in TERMINAL | AT_WORK
    return {
        "ticket": ticket,
        "regime": regime_named(ticket.regime),
        "ground": regime_named(ticket.regime).ground(ticket.ground),
        "payload": selectors.ticket_payload(actor, ticket),
        "ended": ticket.state in TERMINAL,
        "branches": branches_of(nodes, trails=True),
        "versions": versions_touched(nodes) if planned else (),
        "history": selectors.ticket_history(actor, ticket),
        "forms": _forms(actor, ticket, returned),
        "returned": returned,
        "certificates": certificates_of(actor, ticket),
        "clock": clock_card(ticket),
        **panels_context(actor, ticket),
        **work_context(actor, ticket),
    }


def work_context(actor: Actor, ticket: Ticket) -> dict[str, Any]:
    """Return the part of the page that changes while work goes on."""
    jobs: list[JobReading] = [read_job(job) for job in jobs_of(actor, ticket)]
    return {
        "ticket": ticket,
        "jobs": jobs,
        "stamp": stamp(jobs, ticket.state),
        "at_work": ticket.state in AT_WORK,
        "may_operate": actor.may(Permission.JOB_OPERATE, ticket.controller_id),
    }


def _forms(actor: Actor, ticket: Ticket, returned: TaskForm | None) -> list[TaskForm]:
    return [
        returned if returned and returned.task is task else TaskForm(task, ticket)
        for task in selectors.ticket_tasks(actor, ticket)
        if task is not Task.IDENTITY_CONFIRM  # the panel of the identity asks how it was shown
    ]
