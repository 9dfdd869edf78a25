"""Containment: the active bundles, and the choice whether a ticket's outlive it."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from expunge.containment.selectors import bundles_active
from expunge.containment.services import containment_choose
from expunge.web.access import actor_of, page
from expunge.web.containment_page import ChoiceForm
from expunge.web.paging import page_by_time


@page()
def bundles(request: HttpRequest) -> HttpResponse:
    """List the bundles that deployers apply now."""
    found = bundles_active(actor_of(request))
    context = {"page": page_by_time(request, found, "created_at")}
    return render(request, "containment/list.html", context)


@page("POST")
def choose(request: HttpRequest, ticket_id: UUID) -> HttpResponse:
    """Choose whether containment outlives the ticket."""
    form = ChoiceForm(request.POST)
    if form.is_valid():
        containment_choose(
            actor=actor_of(request),
            ticket_id=ticket_id,
            keep=form.cleaned_data["keep"] == "1",
            reason=form.cleaned_data["reason"],
        )
        messages.success(request, _("Your choice about containment is recorded."))
    else:
        messages.error(request, _("Choose what shall happen, and give a reason."))
    return redirect("web:ticket", ticket_id)
