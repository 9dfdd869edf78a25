"""The first page after signing in."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from expunge.tickets import worklists
from expunge.web.access import actor_of, page

ROWS = 10


@page()
def dashboard(request: HttpRequest) -> HttpResponse:
    """Show what waits for this person, what runs out of time, and what is at work."""
    actor = actor_of(request)
    lists = {
        "waiting": worklists.tickets_waiting_for(actor),
        "overdue": worklists.tickets_overdue(actor),
        "due_soon": worklists.tickets_due_soon(actor),
        "failed": worklists.tickets_failed(actor),
        "running": worklists.tickets_running(actor),
    }
    context = {
        "counts": {name: found.count() for name, found in lists.items()},
        "lists": {name: found[:ROWS] for name, found in lists.items()},
    }
    return render(request, "dashboard.html", context)
