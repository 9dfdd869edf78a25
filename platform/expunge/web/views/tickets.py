"""The list of tickets, a ticket's page, and what a person does with a ticket."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from expunge.common.errors import InvalidInputError
from expunge.tickets import selectors
from expunge.tickets.rules import Task
from expunge.tickets.states import TicketState
from expunge.tickets.tasks import task_run
from expunge.web.access import actor_of, page
from expunge.web.paging import Page, page_by_time
from expunge.web.tasks import TaskForm
from expunge.web.ticket_page import ticket_context
from expunge.web.words import WORDS

MOST_FOUND = 50


@page()
def tickets(request: HttpRequest) -> HttpResponse:
    """List tickets, newest receipt first; filters by state and by overdue."""
    state = request.GET.get("state", "")
    found = selectors.tickets_visible(
        actor_of(request),
        state=state if state in set(TicketState) else None,
        overdue=True if request.GET.get("overdue") else None,
    )
    context = {"page": page_by_time(request, found, "received_at"), "state": state}
    return render(request, "tickets/list.html", context | {"states": WORDS[TicketState].items()})


@page("GET", "HEAD", "POST")
def find(request: HttpRequest) -> HttpResponse:
    """Find tickets by reference or by a name in scope, which never stands in an address."""
    search = request.POST.get("search", "").strip()
    if not search:
        return redirect("web:tickets")
    found = selectors.tickets_visible(actor_of(request), search=search)[:MOST_FOUND]
    context = {"page": Page(tuple(found)), "search": search, "states": WORDS[TicketState].items()}
    return render(request, "tickets/list.html", context)


@page()
def ticket(request: HttpRequest, ticket_id: UUID) -> HttpResponse:
    """Show a ticket: its state, clock, people, way, tasks, work and documents."""
    context = ticket_context(actor_of(request), ticket_id)
    return render(request, "tickets/ticket.html", context)


@page("POST")
def do(request: HttpRequest, ticket_id: UUID, task: Task) -> HttpResponse:
    """Carry out one task with the reason given; a wrong form comes back with the page."""
    actor = actor_of(request)
    form = TaskForm(task, selectors.ticket_get(actor, ticket_id), request.POST)
    if form.is_valid():
        try:
            task_run(task, actor=actor, ticket_id=ticket_id, **form.cleaned_data)
        except InvalidInputError as error:
            form.add_domain_error(error)
        else:
            messages.success(request, f"Done: {task.label.lower()}.")
            return redirect("web:ticket", ticket_id)
    context = ticket_context(actor, ticket_id, returned=form)
    return render(request, "tickets/ticket.html", context, status=422)
