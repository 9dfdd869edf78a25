"""Exemptions of a ticket: placing, confirming and releasing them on its page."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from expunge.common.errors import InvalidInputError
from expunge.tickets import exemptions
from expunge.tickets.selectors import ticket_get
from expunge.web.access import actor_of, page
from expunge.web.exemption_forms import ExemptionForm, ReviewForm
from expunge.web.hold_page import kept_context
from expunge.web.ticket_page import ticket_context


@page("POST")
def place(request: HttpRequest, ticket_id: UUID) -> HttpResponse:
    """Keep a part of the scope; a wrong form comes back with the page."""
    actor = actor_of(request)
    form = ExemptionForm(ticket_get(actor, ticket_id), request.POST)
    if form.is_valid():
        try:
            exemptions.exemption_place(actor=actor, ticket_id=ticket_id, **form.arguments)
        except InvalidInputError as error:
            form.add_domain_error(error)
        else:
            messages.success(request, _("This part is exempt and will not be erased."))
            return redirect("web:ticket", ticket_id)
    return _again(request, ticket_id, form)


@page("POST")
def release(request: HttpRequest, exemption_id: UUID) -> HttpResponse:
    """End an exemption."""
    exemption = exemptions.exemption_release(actor=actor_of(request), exemption_id=exemption_id)
    if exemption.ticket.ended_at:
        said = _("The exemption is released. File a new ticket to erase what it kept.")
    else:
        said = _("The exemption is released: this part is in scope again.")
    messages.success(request, said)
    return redirect("web:ticket", exemption.ticket_id)


@page("POST")
def review(request: HttpRequest, exemption_id: UUID) -> HttpResponse:
    """Confirm that an exemption still applies."""
    actor = actor_of(request)
    form = ReviewForm(exemption_id, request.POST)
    ticket_id = exemptions.exemption_get(actor, exemption_id).ticket_id
    if form.is_valid():
        try:
            exemptions.exemption_review(actor=actor, exemption_id=exemption_id, **form.cleaned_data)
        except InvalidInputError as error:
            form.add_domain_error(error)
        else:
            messages.success(request, _("Confirmed: the exemption still applies."))
            return redirect("web:ticket", ticket_id)
    return _again(request, ticket_id, form)


def _again(request: HttpRequest, ticket_id: UUID, form: ExemptionForm | ReviewForm) -> HttpResponse:
    actor = actor_of(request)
    context = ticket_context(actor, ticket_id)
    kept = kept_context(actor, context["ticket"], form)
    return render(request, "tickets/ticket.html", context | kept, status=422)
