"""Recipients of models and data: who they are, what they were told, what they answered."""

from __future__ import annotations

from http import HTTPStatus
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from expunge.common.address import client_address
from expunge.common.errors import DomainError, InvalidInputError
from expunge.tickets import recipient_notices as telling
from expunge.tickets import recipients as services
from expunge.web.access import actor_of, page
from expunge.web.correspondence_forms import ExcuseForm, RecipientForm
from expunge.web.public import limits


@page()
def recipients(request: HttpRequest) -> HttpResponse:
    """List recipients, and first those who have not yet answered."""
    actor = actor_of(request)
    context = {
        "recipients": services.recipients_visible(actor),
        "controllers": services.recipients_kept_for(actor),
        "open": telling.recipient_notices(actor, open_only=True)[:50],
        "here": "recipients",
    }
    return render(request, "correspondence/recipients.html", context)


@page("GET", "HEAD", "POST")
def recipient_new(request: HttpRequest, controller_id: UUID) -> HttpResponse:
    """Add a recipient."""
    actor = actor_of(request)
    controller = services.recipient_keeper(actor, controller_id)
    form = RecipientForm(controller_id, request.POST or None)
    if form.is_valid():
        try:
            services.recipient_add(actor=actor, controller_id=controller_id, fields=form.given())
            messages.success(request, gettext("The recipient is added."))
            return redirect("web:recipients")
        except DomainError as error:
            form.add_domain_error(error)
    context = {"controller": controller, "form": form, "here": "recipients"}
    status = 422 if form.errors else 200
    return render(request, "correspondence/recipient.html", context, status=status)


@page("GET", "HEAD", "POST")
def recipient(request: HttpRequest, recipient_id: UUID) -> HttpResponse:
    """Show and change a recipient."""
    actor = actor_of(request)
    found = services.recipient_get(actor, recipient_id)
    form = RecipientForm.of(found, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            services.recipient_change(actor=actor, recipient_id=recipient_id, fields=form.given())
            messages.success(request, gettext("The recipient is changed."))
            return redirect("web:recipients")
        except DomainError as error:
            form.add_domain_error(error)
    context = {
        "controller": found.controller,
        "recipient": found,
        "form": form,
        "here": "recipients",
    }
    status = 422 if form.errors else 200
    return render(request, "correspondence/recipient.html", context, status=status)


@page("POST")
def recipient_retire(request: HttpRequest, recipient_id: UUID) -> HttpResponse:
    """Stop telling a recipient."""
    services.recipient_retire(actor=actor_of(request), recipient_id=recipient_id)
    messages.success(request, gettext("The recipient is told no more."))
    return redirect("web:recipients")


@page("POST")
def recipient_acknowledged(request: HttpRequest, notice_id: UUID) -> HttpResponse:
    """Record that a recipient confirmed in another way."""
    notice = telling.recipient_acknowledge(actor=actor_of(request), notice_id=notice_id)
    messages.success(request, gettext("The confirmation is recorded."))
    return redirect("web:ticket", notice.ticket_id)


@page("POST")
def recipient_excused(request: HttpRequest, notice_id: UUID) -> HttpResponse:
    """Record why a recipient is not told."""
    form = ExcuseForm(request.POST)
    if not form.is_valid():
        raise InvalidInputError("text_missing", gettext("Choose a reason and say why."))
    notice = telling.recipient_excuse(
        actor=actor_of(request), notice_id=notice_id, **form.cleaned_data
    )
    messages.success(request, gettext("The reason is recorded."))
    return redirect("web:ticket", notice.ticket_id)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def recipient_confirm(request: HttpRequest, token: str) -> HttpResponse:
    """Let a recipient confirm by their secret link, without an account."""
    if not limits.take(limits.TRIED_FROM, client_address(request)):
        return render(request, "public/too_many.html", status=HTTPStatus.TOO_MANY_REQUESTS)
    notice = telling.recipient_notice_by_link(token)
    if request.method == "POST":
        notice = telling.recipient_acknowledge_by_link(token=token)
    response = render(request, "public/recipient.html", {"notice": notice})
    # The secret stands in this address: others learn where the form is, never its path. Without
    # any referrer a browser calls the origin of the form "null", and the form is refused.
    response.headers["Referrer-Policy"] = "strict-origin"
    return response
