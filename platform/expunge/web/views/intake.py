"""The queue of requests that came without an account: read, made tickets of, or declined."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from expunge.accounts.permissions import Permission
from expunge.accounts.selectors import controllers_of
from expunge.common.errors import InvalidInputError
from expunge.subjects.duplicates import tickets_about
from expunge.subjects.intake import intake_decline, intake_open
from expunge.subjects.intake_payload import payload_open
from expunge.subjects.kinds import IntakeStanding
from expunge.subjects.selectors import intake_get, intakes_for
from expunge.tickets.regimes import regime_named
from expunge.web.access import actor_of, page
from expunge.web.draft import draft_from_intake, drafts_of_intake_forget
from expunge.web.paging import page_by_time
from expunge.web.subject_forms import DeclineForm


@page()
def queue(request: HttpRequest) -> HttpResponse:
    """List what waits, or what was decided."""
    actor = actor_of(request)
    decided = request.GET.get("decided") == "1"
    found = intakes_for(actor)
    waiting = {"standing": IntakeStanding.WAITING}
    found = found.exclude(**waiting) if decided else found.filter(**waiting)
    doors = [item for item in controllers_of(actor) if intake_open(item.pk)]
    addresses = [
        (item.name, request.build_absolute_uri(reverse("public:ask", args=[item.pk])))
        for item in doors
    ]
    context = {
        "page": page_by_time(request, found, "received_at"),
        "decided": decided,
        "addresses": addresses,
    }
    return render(request, "intake/queue.html", context)


@page()
def intake(request: HttpRequest, intake_id: UUID) -> HttpResponse:
    """Show one request: what the person wrote, and tickets that may be about them."""
    return _page(request, intake_id, DeclineForm())


@page("POST")
def take(request: HttpRequest, intake_id: UUID) -> HttpResponse:
    """Begin a ticket from a request: what the person wrote is filled in, the scope is chosen."""
    draft_from_intake(actor_of(request), intake_id)
    messages.success(request, _("The request is in your draft. Choose the data it is about."))
    return redirect("web:file")


@page("POST")
def decline(request: HttpRequest, intake_id: UUID) -> HttpResponse:
    """Make no ticket of a request, and tell the person why."""
    form = DeclineForm(request.POST)
    if form.is_valid():
        try:
            intake_decline(actor=actor_of(request), intake_id=intake_id, **form.cleaned_data)
        except InvalidInputError as error:
            form.add_domain_error(error)
        else:
            drafts_of_intake_forget(intake_id)
            messages.success(request, _("Declined. What the person wrote is destroyed."))
            return redirect("web:intakes")
    return _page(request, intake_id, form, status=422)


def _page(
    request: HttpRequest, intake_id: UUID, form: DeclineForm, status: int = 200
) -> HttpResponse:
    actor = actor_of(request)
    found = intake_get(actor, intake_id)
    payload = payload_open(found)
    alike = (
        tickets_about(
            actor, found.controller_id, name=payload.subject_name, contact=payload.contact
        )
        if payload
        else ()
    )
    context = {
        "intake": found,
        "payload": payload,
        "regime": regime_named(found.regime),
        "alike": alike,
        "waiting": found.standing == IntakeStanding.WAITING,
        "may_decline": actor.may(Permission.TICKET_REVIEW, found.controller_id),
        "form": form,
    }
    return render(request, "intake/intake.html", context, status=status)
