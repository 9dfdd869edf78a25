"""Webhook endpoints: made, changed, tried out, switched on and off; their deliveries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext

from expunge.accounts.permissions import Permission, controller_for
from expunge.common.errors import DomainError
from expunge.notices import endpoints as services
from expunge.notices.models import WebhookEndpoint
from expunge.notices.selectors import deliveries_of, delivery_get, endpoint_get, endpoints_visible
from expunge.web.access import actor_of, page, sensitive
from expunge.web.correspondence_forms import EndpointForm
from expunge.web.paging import page_by_time

TASKS: Mapping[str, tuple[Callable[..., Any], Callable[[], str]]] = {
    "enable": (services.endpoint_enable, lambda: gettext("The endpoint is switched on.")),
    "disable": (services.endpoint_disable, lambda: gettext("The endpoint is switched off.")),
    "test": (services.endpoint_test, lambda: gettext("A test event is on its way.")),
}


@page("GET", "HEAD", "POST")
@sensitive
def webhooks(request: HttpRequest, controller_id: UUID) -> HttpResponse:
    """List the endpoints; a POST makes one and shows its secret, once."""
    actor = actor_of(request)
    controller = controller_for(actor, Permission.ADMINISTER, controller_id)
    form = EndpointForm(request.POST or None)
    if form.is_valid():
        try:
            endpoint, secret = services.endpoint_create(
                actor=actor, controller_id=controller_id, **form.cleaned_data
            )
            return _secret(request, endpoint, secret)
        except DomainError as error:
            form.add_domain_error(error)
    context = {
        "controller": controller,
        "here": "webhooks",
        "form": form,
        "endpoints": endpoints_visible(actor).filter(controller=controller),
    }
    return render(
        request, "administration/webhooks.html", context, status=422 if form.errors else 200
    )


@page("GET", "HEAD", "POST")
@sensitive
def webhook(request: HttpRequest, endpoint_id: UUID) -> HttpResponse:
    """Show one endpoint and its deliveries; a POST changes it."""
    actor = actor_of(request)
    endpoint = endpoint_get(actor, endpoint_id)
    form = EndpointForm.of(endpoint, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            services.endpoint_change(actor=actor, endpoint_id=endpoint_id, **form.cleaned_data)
            messages.success(request, gettext("The endpoint is changed."))
            return redirect("web:webhook", endpoint_id)
        except DomainError as error:
            form.add_domain_error(error)
    context = {
        "controller": endpoint.controller,
        "here": "webhooks",
        "endpoint": endpoint,
        "form": form,
        "page": page_by_time(request, deliveries_of(actor, endpoint), "created_at"),
    }
    return render(
        request, "administration/webhook.html", context, status=422 if form.errors else 200
    )


@page("POST")
@sensitive
def webhook_rotate(request: HttpRequest, endpoint_id: UUID) -> HttpResponse:
    """Give the endpoint a new secret and show it, once."""
    return _secret(
        request, *services.endpoint_rotate(actor=actor_of(request), endpoint_id=endpoint_id)
    )


@page("POST")
@sensitive
def webhook_delete(request: HttpRequest, endpoint_id: UUID) -> HttpResponse:
    """Take the endpoint away."""
    actor = actor_of(request)
    endpoint = endpoint_get(actor, endpoint_id)
    services.endpoint_delete(actor=actor, endpoint_id=endpoint_id)
    messages.success(request, gettext("The endpoint is deleted."))
    return redirect("web:webhooks", endpoint.controller_id)


@page("POST")
def webhook_do(request: HttpRequest, endpoint_id: UUID, task: str) -> HttpResponse:
    """Switch the endpoint on or off, or send it a test event."""
    if task not in TASKS:
        raise Http404
    service, done = TASKS[task]
    service(actor=actor_of(request), endpoint_id=endpoint_id)
    messages.success(request, done())
    return redirect("web:webhook", endpoint_id)


@page("POST")
def redeliver(request: HttpRequest, delivery_id: UUID) -> HttpResponse:
    """Send one event once more."""
    actor = actor_of(request)
    delivery = delivery_get(actor, delivery_id)
    services.delivery_retry(actor=actor, delivery_id=delivery_id)
    messages.success(request, gettext("The event is on its way again."))
    return redirect("web:webhook", delivery.endpoint_id)


def _secret(request: HttpRequest, endpoint: WebhookEndpoint, secret: str) -> HttpResponse:
    context = {
        "controller": endpoint.controller,
        "here": "webhooks",
        "endpoint": endpoint,
        "secret": secret,
    }
    return render(request, "administration/webhook_secret.html", context)
