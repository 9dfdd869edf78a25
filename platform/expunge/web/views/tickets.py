"""The list of tickets, its export, a ticket's page, and what a person does with a ticket."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from expunge.accounts.selectors import controllers_of
from expunge.common.clock import now
from expunge.common.errors import InvalidInputError
from expunge.desk.listing import tickets_found
from expunge.desk.saved_views import default_view, views_of
from expunge.tickets import selectors
from expunge.tickets.listing import requesters_of
from expunge.tickets.regimes import regimes
from expunge.tickets.rules import Task
from expunge.tickets.states import TicketState
from expunge.tickets.tasks import task_run
from expunge.web.access import actor_of, page
from expunge.web.export import CHUNK, export_lines, export_record
from expunge.web.tasks import TaskForm
from expunge.web.ticket_filter import page_of, read_listing, remember
from expunge.web.ticket_page import ticket_context
from expunge.web.words import GROUPS, WINDOWS, WORDS, inline


@page()
def tickets(request: HttpRequest) -> HttpResponse:
    """List tickets; without an address of its own it opens with the person's default view."""
    actor = actor_of(request)
    if not request.META["QUERY_STRING"] and (view := default_view(actor)):
        return redirect(f"{reverse('web:tickets')}?{view.query or 'sort='}")
    listing = read_listing(request)
    context = {
        "listing": listing,
        "page": page_of(request, actor, listing),
        "views": views_of(actor),
        "states": WORDS[TicketState].items(),
        "groups": GROUPS.items(),
        "windows": WINDOWS.items(),
        "regimes": regimes().values(),
        "requesters": requesters_of(actor),
        "tasks": tuple(Task),
        "controllers": controllers_of(actor),
    }
    return render(request, "tickets/list.html", context)


@page("GET", "HEAD", "POST")
def find(request: HttpRequest) -> HttpResponse:
    """Find tickets by reference or by a name in scope, which never stands in an address."""
    search = request.POST.get("search", "").strip()
    if not search:
        return redirect("web:tickets")
    return redirect(f"{reverse('web:tickets')}?found={remember(request, search)}")


@page()
def export(request: HttpRequest) -> StreamingHttpResponse:
    """Hand out the filtered list as a file, written while it is read."""
    actor = actor_of(request)
    listing = read_listing(request)
    export_record(actor=actor, query=listing.saved_query)
    found = tickets_found(actor, listing.wanted).order_by("-received_at", "-pk")
    return StreamingHttpResponse(
        export_lines(found.iterator(chunk_size=CHUNK)),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="tickets-{now():%Y-%m-%d}.csv"'},
    )


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
            messages.success(request, _("Done: %(task)s.") % {"task": inline(task.label)})
            return redirect("web:ticket", ticket_id)
    context = ticket_context(actor, ticket_id, returned=form)
    return render(request, "tickets/ticket.html", context, status=422)
