"""``expunge tickets``: file, list, show, watch."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer

from expunge_client.client import Client
from expunge_client.errors import ExpungeError
from expunge_client.models import TicketOut
from expunge_client.output import AsJson, news_lines, show, show_all

COLUMNS = ("reference", "state", "regime", "received_at", "due_on", "overdue")
tickets = typer.Typer(no_args_is_help=True, help="Deletion requests.")


@tickets.command("file")
def file_ticket(  # noqa: PLR0913 - a request has many parts
    *,
    ground: Annotated[str, typer.Option(help="The legal ground, such as consent_withdrawn.")],
    subject: Annotated[
        str, typer.Option(prompt="Whom the request is about", help="Asked for when not given.")
    ],
    node: Annotated[list[UUID] | None, typer.Option(help="A node of a tree, by its id.")] = None,
    dataset: Annotated[
        UUID | None, typer.Option(help="Find the nodes in this dataset by the subject's name.")
    ] = None,
    regime: Annotated[str, typer.Option(help="gdpr, hipaa or ccpa.")] = "gdpr",
    profile: Annotated[
        str | None,
        typer.Option(help="behavioural, erasure, exact, gdpr, hipaa; or as the policy says."),
    ] = None,
    contact: Annotated[str, typer.Option(help="How the person is reached.")] = "",
    note: Annotated[str, typer.Option(help="What the person wrote.")] = "",
    identity_confirmed: Annotated[
        bool, typer.Option(help="The person showed who they are.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """File a deletion request.

    The scope is named by nodes, or by a dataset in which the subject's name is looked up.
    """
    with Client() as client:
        nodes = [*(node or ()), *(_found(client, dataset, subject) if dataset else ())]
        if not nodes:
            raise typer.BadParameter("Name the scope by --node, or by --dataset.")
        ticket = client.ticket_file(
            nodes=nodes,
            subject_name=subject,
            regime=regime,
            ground=ground,
            contact=contact,
            note=note,
            profile=profile,
            identity_confirmed=identity_confirmed,
        )
    show(ticket, _about(ticket), as_json=as_json)


@tickets.command("list")
def list_tickets(  # noqa: PLR0913 - an option for each filter
    state: Annotated[list[str] | None, typer.Option(help="May be given again.")] = None,
    regime: Annotated[str | None, typer.Option()] = None,
    most: Annotated[int, typer.Option(min=1, help="How many at most.")] = 50,
    *,
    overdue: Annotated[bool, typer.Option("--overdue", help="Only those past their day.")] = False,
    stuck: Annotated[
        bool, typer.Option("--stuck", help="Only those whose work does not go on.")
    ] = False,
    waiting: Annotated[
        bool, typer.Option("--waiting", help="Only those whose next step is yours.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List tickets, newest receipt first."""
    with Client() as client:
        found = client.tickets(
            state=state or None,
            regime=regime,
            overdue="true" if overdue else None,
            stuck="true" if stuck else None,
            waiting="true" if waiting else None,
        )
        show_all(found, COLUMNS, as_json=as_json, most=most)


@tickets.command("show")
def show_ticket(
    ticket: Annotated[str, typer.Argument(help="Its reference or its id.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Show a ticket with its history and what you may do with it."""
    with Client() as client:
        found = client.ticket(ticket)
    show(found, _about(found), as_json=as_json)


@tickets.command("watch")
def watch(
    ticket: Annotated[str, typer.Argument(help="Its reference or its id.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Print what happens to a ticket as it happens, until it has ended."""
    with Client() as client:
        for news in client.ticket_watch(client.ticket(ticket).id):
            for line in [news.model_dump_json()] if as_json else news_lines(news):
                typer.echo(line)


def _found(client: Client, dataset: UUID, subject: str) -> list[UUID]:
    nodes = client.scope_search(dataset, subject)
    if not nodes:
        raise ExpungeError("This dataset has nobody of exactly this name.")
    return [node.id for node in nodes]


def _about(ticket: TicketOut) -> list[str]:
    late = ", overdue" if ticket.overdue else ""
    outcome = f" ({ticket.outcome.replace('_', ' ')})" if ticket.outcome else ""
    return [
        f"{ticket.reference}  {ticket.state.replace('_', ' ')}{outcome}",
        f"id        {ticket.id}",
        f"law       {ticket.regime}, {ticket.ground.replace('_', ' ')}",
        f"due       {ticket.due_on}{late}",
        f"filed by  {ticket.requester.name}",
        f"you may   {', '.join(ticket.tasks).replace('_', ' ') or 'look'}",
        *(
            f"{item.at:%Y-%m-%d %H:%M}  {item.target.replace('_', ' ')} by {item.who}"
            for item in ticket.history
        ),
    ]
