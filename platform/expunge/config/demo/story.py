"""The tickets of the demonstration and their way, told in the terminal as it happens."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.status import Status

from expunge.config.demo.people import Cast
from expunge.config.demo.training import Trained
from expunge.config.processes import Processes
from expunge.jobs.models import Attempt
from expunge.jobs.states import ATTEMPT_OVER, AttemptState
from expunge.registry.models import Arm, ScopeNode
from expunge.registry.selectors import records_in_scope, versions_touched
from expunge.tickets.intake import ticket_file
from expunge.tickets.models import Ticket
from expunge.tickets.payload import TicketPayload
from expunge.tickets.services import ticket_approve, ticket_submit
from expunge.tickets.states import TERMINAL, TicketState

POLL_SECONDS = 0.5
MARKS = {
    "pass": "[green]pass[/]",
    "fail": "[red]FAIL[/]",
    "inconclusive": "[yellow]inconclusive[/]",
    "invalid": "[red]invalid[/]",
    "not_applicable": "[dim]not applicable[/]",
}


@dataclass(frozen=True)
class Request:
    """What the demonstration asks for: everything below one node of one dataset."""

    trained: Trained
    node: ScopeNode
    note: str


def first_node(trained: Trained, level: int) -> ScopeNode:
    """Return the first node at a level that the model was trained on."""
    nodes = ScopeNode.objects.filter(dataset=trained.dataset.dataset, depth=level).order_by("path")
    for node in nodes:
        if records_in_scope([node], Arm.TRAINED).exists():
            return node
    message = f"no node of level {level} was trained on"
    raise LookupError(message)


def file_and_approve(cast: Cast, request: Request, console: Console) -> Ticket:
    """Let Carol file a ticket, Alice review it and Bob approve it: three persons."""
    node = request.node
    records = records_in_scope([node], Arm.TRAINED).count()
    touched = ", ".join(str(version) for version in versions_touched([node]))
    ticket = ticket_file(
        actor=cast.carol,
        controller_id=cast.controller.pk,
        regime="gdpr",
        ground="consent_withdrawn",
        node_ids=[node.pk],
        payload=TicketPayload(subject_name=_subject(node).label, note=request.note),
        identity_confirmed=True,
    )
    console.print(
        f"  Carol files [bold]{ticket.reference}[/]: one {node.level} "
        f"({escape(node.label)}), {records} records, in {touched}. Due {ticket.due_on:%d %b %Y}."
    )
    ticket_submit(actor=cast.alice, ticket_id=ticket.pk, reason="Consent withdrawn in writing.")
    ticket_approve(actor=cast.bob, ticket_id=ticket.pk, reason="Ground and scope are right.")
    console.print("  Alice reviews it, Bob approves it; nobody may do two of the three.")
    return ticket


def follow(tickets: Sequence[Ticket], processes: Processes, console: Console) -> None:
    """Tell what the workers do until every ticket has come to its end."""
    told: set[Any] = set()
    open_tickets = [ticket.pk for ticket in tickets]
    ends = {*TERMINAL, TicketState.VERIFICATION_FAILED}
    with console.status("The workers take over") as status:
        while open_tickets:
            time.sleep(POLL_SECONDS)
            if ended := processes.ended():
                message = f"{', '.join(ended)} ended unexpectedly; see {processes.logs}"
                raise RuntimeError(message)
            attempts = Attempt.objects.filter(job__ticket__in=tickets).select_related(
                "job__ticket", "job__original__model"
            )
            for line in _news(list(attempts.order_by("created_at")), told, status):
                console.print(line)
            for ticket in Ticket.objects.filter(pk__in=open_tickets):
                if ticket.state in ends:
                    open_tickets.remove(ticket.pk)
                    console.print(f"  [bold]{ticket.reference}[/] is {_outcome(ticket)}.")


def _news(attempts: Sequence[Attempt], told: set[Any], status: Status) -> Iterator[str]:
    """Yield what happened since the last look; show what runs now in the status line."""
    for attempt in attempts:
        name = f"[bold]{attempt.job.ticket.reference}[/] attempt {attempt.number}"
        if attempt.state != AttemptState.QUEUED and ("started", attempt.pk) not in told:
            told.add(("started", attempt.pk))
            yield f"  {name} on {attempt.job.original}: [cyan]{attempt.method}[/]. {attempt.reason}"
        if attempt.state == AttemptState.RUNNING:
            share = f" {attempt.done}/{attempt.total}" if attempt.total else ""
            status.update(f"{attempt.method}: {attempt.phase} {attempt.message}{share}")
        if attempt.state in ATTEMPT_OVER and ("over", attempt.pk) not in told:
            told.add(("over", attempt.pk))
            yield from _verdict(attempt, name)


def _verdict(attempt: Attempt, name: str) -> Iterator[str]:
    if attempt.failure:
        yield f"  {name} could not be run: {escape(attempt.failure['message'])}"
        return
    report = attempt.report or {}
    for check in report.get("checks", ()):
        attack = f" after {check['attack']}" if check["attack"] else ""
        yield f"      {MARKS[check['verdict']]}  {escape(check['title'] + attack)}: " + escape(
            check["reading"]
        )
    seconds = (attempt.result or {}).get("seconds", 0.0)
    mark = MARKS.get(report.get("verdict", ""), "")
    yield (
        f"  {name}: {mark}. {escape(report.get('summary', ''))} "
        f"[dim]({seconds:.0f} s unlearning, {report.get('seconds', 0.0):.0f} s verification)[/]"
    )


def _outcome(ticket: Ticket) -> str:
    if ticket.state == TicketState.VERIFICATION_FAILED:
        return "[red]not verified[/]: no method passed, and the ticket says so"
    return f"{ticket.state} ({ticket.get_outcome_display() or 'no outcome'})"


def _subject(node: ScopeNode) -> ScopeNode:
    while node.parent is not None and node.depth > node.dataset.subject_level:
        node = node.parent
    return node
