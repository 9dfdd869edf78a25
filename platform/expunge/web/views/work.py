"""The work on a ticket, live: fragments that htmx asks for, and cancelling a job."""

from __future__ import annotations

from http import HTTPStatus
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from contract.page import page_policy, report_page
from expunge.jobs.selectors import attempt_get, attempt_report
from expunge.jobs.services import job_cancel
from expunge.jobs.states import ATTEMPT_OVER, AttemptState
from expunge.tickets.selectors import ticket_get
from expunge.web.access import actor_of, page
from expunge.web.ticket_page import work_context

STOP_POLLING = 286
"""The status by which htmx ends a poll."""


@page()
def work(request: HttpRequest, ticket_id: UUID) -> HttpResponse:
    """Return the jobs if anything changed since ``seen``; the whole page when the ticket moved."""
    actor = actor_of(request)
    ticket = ticket_get(actor, ticket_id)
    if request.GET.get("state") != ticket.state:
        return HttpResponse(status=HTTPStatus.NO_CONTENT, headers={"HX-Refresh": "true"})
    context = work_context(actor, ticket)
    if request.GET.get("seen") == context["stamp"]:
        return HttpResponse(status=HTTPStatus.NO_CONTENT)
    return render(request, "tickets/work.html", context)


@page()
def progress(request: HttpRequest, attempt_id: UUID) -> HttpResponse:
    """Return how far an attempt is; ends the poll when it is over."""
    attempt = attempt_get(actor_of(request), attempt_id)
    over = AttemptState(attempt.state) in ATTEMPT_OVER
    status = STOP_POLLING if over else HTTPStatus.OK
    return render(request, "tickets/progress.html", {"attempt": attempt}, status=status)


@page()
def report(request: HttpRequest, attempt_id: UUID) -> HttpResponse:
    """Hand out the verifier's report on an attempt as a page to keep."""
    attempt = attempt_get(actor_of(request), attempt_id)
    name = f"{attempt.job.ticket.reference}-{attempt.number}.html"
    return HttpResponse(
        report_page(attempt_report(attempt)),
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Content-Security-Policy": page_policy(),
        },
    )


@page("POST")
def cancel(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Cancel a job; its ticket ends up not verified and can be tried again."""
    job = job_cancel(actor=actor_of(request), job_id=job_id)
    messages.success(request, _("The job is being stopped."))
    return redirect("web:ticket", job.ticket_id)
