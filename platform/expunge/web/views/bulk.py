"""One task for many tickets: a last look that says how many, the progress, and the result."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from expunge.common.errors import InvalidInputError
from expunge.common.parse import uuids
from expunge.desk.listing import tickets_found
from expunge.desk.runs import (
    AT_ONCE,
    bulk_carry_out,
    bulk_start,
    bulk_stop,
    run_counts,
    run_get,
    run_items,
    runs_of,
)
from expunge.tickets.rules import Task
from expunge.tickets.selectors import tickets_visible
from expunge.web.access import actor_of, is_fragment, page
from expunge.web.tasks import BulkTaskForm
from expunge.web.ticket_filter import read_listing
from expunge.web.views.work import STOP_POLLING

SHOWN = 200
CHUNK = 2000


@dataclass(frozen=True)
class Choice:
    """The tickets somebody chose: a few by hand, or all that a filter finds."""

    task: Task
    whole: bool
    query: str
    ids: tuple[UUID, ...]
    count: int
    tickets: Iterable[UUID]


@page("POST")
def confirm(request: HttpRequest) -> HttpResponse:
    """Say how many tickets it would be and ask for the reason; start when it is given."""
    choice = _choice(request)
    started = request.POST.get("count")
    form = BulkTaskForm(choice.task, request.POST if started else None)
    changed = started is not None and started != str(choice.count)
    if started and not changed and form.is_valid():
        run = bulk_start(
            actor=actor_of(request),
            task=choice.task,
            tickets=choice.tickets,
            **form.cleaned_data,
        )
        if run.total <= AT_ONCE:
            bulk_carry_out(run.pk)
        return redirect("web:bulk-run", run.pk)
    context = {"choice": choice, "form": form, "changed": changed, "at_once": AT_ONCE}
    return render(request, "tickets/bulk_confirm.html", context)


@page()
def run(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """Show how far a run is, and when it is over what was done and what refused."""
    found = run_get(actor_of(request), run_id)
    over = found.ended_at is not None
    context = {"run": found, "counts": run_counts(found), "task": Task(found.task), "over": over}
    if is_fragment(request):
        if over:
            return HttpResponse(status=STOP_POLLING, headers={"HX-Refresh": "true"})
        return render(request, "tickets/bulk_progress.html", context)
    context |= {
        "done": run_items(found, refused=False)[:SHOWN],
        "refused": run_items(found, refused=True)[:SHOWN],
    }
    return render(request, "tickets/bulk_run.html", context)


@page("POST")
def stop(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """Stop a run after the ticket it is at."""
    bulk_stop(actor=actor_of(request), run_id=run_id)
    return redirect("web:bulk-run", run_id)


@page()
def runs(request: HttpRequest) -> HttpResponse:
    """List the person's own runs, newest first."""
    found = runs_of(actor_of(request))[:SHOWN]
    return render(request, "tickets/bulk_runs.html", {"runs": found})


def _choice(request: HttpRequest) -> Choice:
    actor, query = actor_of(request), request.POST.get("query", "")
    task = request.POST.get("task", "")
    if task not in set(Task):
        raise InvalidInputError("bulk_task", _("Choose what is to be done with the tickets."))
    whole = request.POST.get("whole") == "1"
    if whole:
        found = tickets_found(actor, read_listing(request, QueryDict(query)).wanted)
        ids: tuple[UUID, ...] = ()
    else:
        ids = uuids(request.POST.getlist("ticket"))
        found = tickets_visible(actor).filter(pk__in=ids)
    pks = found.order_by("due_on", "pk").values_list("pk", flat=True)
    if not (count := pks.count()):
        raise InvalidInputError("bulk_empty", _("Choose at least one ticket, then what to do."))
    return Choice(Task(task), whole, query, ids, count, pks.iterator(chunk_size=CHUNK))
