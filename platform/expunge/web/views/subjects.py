"""What staff do about a ticket's person: identity, duplicates, secret links."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from expunge.common.errors import InvalidInputError
from expunge.common.parse import optional_uuid
from expunge.subjects import identity
from expunge.subjects.duplicates import duplicate_merge
from expunge.subjects.links import status_link_make, status_links_revoke
from expunge.tickets.selectors import ticket_get
from expunge.web.access import actor_of, page
from expunge.web.subject_page import FORMS, subject_context
from expunge.web.ticket_page import ticket_context

SERVICES: dict[str, Callable[..., Any]] = {
    "evidence": identity.identity_evidence_record,
    "attestation": identity.identity_attest,
    "code": identity.identity_code_enter,
}


@page("POST")
def code_send(request: HttpRequest, ticket_id: UUID) -> HttpResponse:
    """Mail the person a code."""
    identity.identity_code_send(actor=actor_of(request), ticket_id=ticket_id)
    messages.success(request, _("A code is on its way to the person."))
    return redirect("web:ticket", ticket_id)


@page("POST")
def identity_show(request: HttpRequest, ticket_id: UUID, way: str) -> HttpResponse:
    """Record how the person showed who they are; a wrong form comes back with the page."""
    actor = actor_of(request)
    form: Any = FORMS[way](request.POST, auto_id=f"identity-{way}-%s")
    if form.is_valid():
        try:
            SERVICES[way](actor=actor, ticket_id=ticket_id, **form.cleaned_data)
        except InvalidInputError as error:
            form.add_domain_error(error)
        else:
            messages.success(request, _("The identity is shown; the ticket goes to review."))
            return redirect("web:ticket", ticket_id)
    return _returned(request, ticket_id, {way: form})


@page("POST")
def merge(request: HttpRequest, ticket_id: UUID) -> HttpResponse:
    """Withdraw the ticket in favour of another one."""
    survivor = optional_uuid(request.POST.get("survivor")) or ticket_id
    duplicate_merge(actor=actor_of(request), ticket_id=ticket_id, survivor_id=survivor)
    messages.success(request, _("The ticket is withdrawn; the other one covers it."))
    return redirect("web:ticket", ticket_id)


@page("POST")
def link_make(request: HttpRequest, ticket_id: UUID) -> HttpResponse:
    """Make a secret link and show it, once."""
    actor = actor_of(request)
    address = status_link_make(actor=actor, ticket_id=ticket_id)
    context = {"ticket": ticket_get(actor, ticket_id), "address": address}
    return render(request, "tickets/link.html", context)


@page("POST")
def links_revoke(request: HttpRequest, ticket_id: UUID) -> HttpResponse:
    """Revoke every secret link to the ticket."""
    status_links_revoke(actor=actor_of(request), ticket_id=ticket_id)
    messages.success(request, _("No link leads to this ticket any more."))
    return redirect("web:ticket", ticket_id)


def _returned(request: HttpRequest, ticket_id: UUID, form: dict[str, forms.Form]) -> HttpResponse:
    actor = actor_of(request)
    context = ticket_context(actor, ticket_id)
    context |= subject_context(actor, context["ticket"], form)
    return render(request, "tickets/ticket.html", context, status=422)
