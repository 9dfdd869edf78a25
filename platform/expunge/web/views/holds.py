"""Legal holds: the list, placing one, releasing one."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from expunge.accounts.permissions import Permission
from expunge.common.errors import InvalidInputError
from expunge.tickets import holds
from expunge.tickets.models import HoldKind
from expunge.web.access import actor_of, page
from expunge.web.hold_forms import HoldForm, ReleaseForm
from expunge.web.hold_page import holds_context


@page()
def listing(request: HttpRequest) -> HttpResponse:
    """List the legal holds, and the exemptions that somebody should look at again."""
    context = holds_context(request, everything=bool(request.GET.get("all")))
    return render(request, "holds/list.html", context)


@page("GET", "HEAD", "POST")
def place(request: HttpRequest, kind: HoldKind) -> HttpResponse:
    """Ask what is to be held and why, then hold it."""
    actor = actor_of(request)
    given = request.POST if request.method == "POST" else None
    form = HoldForm(actor, kind, given)
    if form.is_valid() and (target := form.target()):
        try:
            holds.hold_place(
                actor=actor,
                controller_id=target.controller_id,
                kind=kind,
                target_id=target.id,
                reason=form.cleaned_data["reason"],
                authority=form.cleaned_data["authority"],
            )
        except InvalidInputError as error:
            form.add_domain_error(error)
        else:
            messages.success(request, _("The legal hold is placed. What it covers has stopped."))
            return redirect("web:holds")
    context = {"form": form, "kind": kind, "kinds": HoldKind.choices}
    status = 422 if form.errors else 200
    may = bool(actor.controllers(Permission.TICKET_REVIEW))
    return render(request, "holds/place.html", context | {"may_place": may}, status=status)


@page("POST")
def release(request: HttpRequest, hold_id: UUID) -> HttpResponse:
    """Release a hold; a wrong form comes back with the list."""
    form = ReleaseForm(request.POST, auto_id=f"{hold_id}-%s")
    if form.is_valid():
        try:
            holds.hold_release(actor=actor_of(request), hold_id=hold_id, **form.cleaned_data)
        except InvalidInputError as error:
            form.add_domain_error(error)
        else:
            messages.success(request, _("The hold is released. What it stopped resumes by itself."))
            return redirect("web:holds")
    context = holds_context(request, returned=(hold_id, form))
    return render(request, "holds/list.html", context, status=422)
