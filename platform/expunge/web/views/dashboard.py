"""The first page after signing in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from expunge.accounts.permissions import Actor
from expunge.jobs.selectors import tickets_stuck
from expunge.registry.models import AlertState
from expunge.registry.suppression import alerts_visible
from expunge.tickets import worklists
from expunge.tickets.models import Ticket
from expunge.tickets.statistics import deadlines_kept, tallies, throughput
from expunge.web.access import actor_of, page
from expunge.web.duties import duties
from expunge.web.weeks_chart import weeks_chart

ROWS = 8


@dataclass(frozen=True)
class Worklist:
    """A list of the dashboard: its first rows, how many there are, and where all of them are."""

    key: str
    title: str | Promise
    tally: str | Promise
    query: str
    count: int
    tickets: Sequence[Ticket]
    empty: str | Promise = ""
    bad: bool = False


@page()
def dashboard(request: HttpRequest) -> HttpResponse:
    """Show what waits for this person, what runs out of time, what is stuck, what is at work."""
    actor = actor_of(request)
    weeks = throughput(actor)
    context = {
        "lists": _lists(actor),
        "duties": duties(actor),
        "alerts": alerts_visible(actor, state=AlertState.OPEN)[:ROWS],
        "weeks": weeks,
        "chart": weeks_chart(weeks),
        "kept": deadlines_kept(actor),
    }
    return render(request, "dashboard.html", context)


def _lists(actor: Actor) -> list[Worklist]:
    counts = tallies(actor)
    waiting, stuck = worklists.tickets_waiting_for(actor), tickets_stuck(actor)
    counted: Mapping[str, int] = {
        **counts,
        "waiting": waiting.order_by().count(),
        "stuck": stuck.order_by().count(),
    }

    def first(key: str, found: QuerySet[Ticket]) -> Sequence[Ticket]:
        return list(found[:ROWS]) if counted[key] else ()

    return [
        Worklist(
            "waiting",
            _("Waiting for you"),
            _("waiting for you"),
            "mine=1&sort=due",
            counted["waiting"],
            first("waiting", waiting),
            empty=_("Nothing waits for you."),
        ),
        Worklist(
            "overdue",
            _("Overdue"),
            _("overdue"),
            "due=overdue&sort=due",
            counted["overdue"],
            first("overdue", worklists.tickets_overdue(actor)),
            bad=True,
        ),
        Worklist(
            "due_soon",
            _("Due within a week"),
            _("due within a week"),
            "due=week&sort=due",
            counted["due_soon"],
            first("due_soon", worklists.tickets_due_soon(actor)),
        ),
        Worklist(
            "stuck",
            _("Stuck"),
            _("stuck"),
            "stuck=1&sort=due",
            counted["stuck"],
            first("stuck", stuck),
            bad=True,
        ),
        Worklist(
            "failed",
            _("Verification failed"),
            _("verification failed"),
            "state=verification_failed&sort=due",
            counted["failed"],
            first("failed", worklists.tickets_failed(actor)),
            bad=True,
        ),
        Worklist(
            "running",
            _("At work"),
            _("at work"),
            "state=work&sort=due",
            counted["running"],
            first("running", worklists.tickets_running(actor)),
        ),
    ]
