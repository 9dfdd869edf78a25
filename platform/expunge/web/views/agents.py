"""The agents of the Data Rights Protocol that an organisation hears, and its name there."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext

from expunge.accounts.permissions import Permission, controller_for
from expunge.common.errors import DomainError
from expunge.protocols.drp import agents as services
from expunge.web.access import actor_of, page, sensitive
from expunge.web.agent_forms import AgentForm, BusinessForm


@page("GET", "HEAD", "POST")
@sensitive
def agents(request: HttpRequest, controller_id: UUID) -> HttpResponse:
    """List the agents; a POST hears one more."""
    form = AgentForm(request.POST or None)
    if form.is_valid():
        try:
            services.agent_add(
                actor=actor_of(request), controller_id=controller_id, **form.cleaned_data
            )
            messages.success(request, gettext("The agent is heard from now on."))
            return redirect("web:agents", controller_id)
        except DomainError as error:
            form.add_domain_error(error)
    return _agents(request, controller_id, agent_form=form)


@page("POST")
@sensitive
def business(request: HttpRequest, controller_id: UUID) -> HttpResponse:
    """Set the organisation's name in the directory."""
    form = BusinessForm(request.POST)
    if form.is_valid():
        try:
            services.business_name(
                actor=actor_of(request), controller_id=controller_id, **form.cleaned_data
            )
            messages.success(request, gettext("The id is set."))
            return redirect("web:agents", controller_id)
        except DomainError as error:
            form.add_domain_error(error)
    return _agents(request, controller_id, business_form=form)


@page("POST")
@sensitive
def agent_remove(request: HttpRequest, agent_id: UUID) -> HttpResponse:
    """Hear an agent no longer."""
    agent = services.agent_remove(actor=actor_of(request), agent_pk=agent_id)
    messages.success(request, gettext("The agent is heard no longer."))
    return redirect("web:agents", agent.controller_id)


def _agents(
    request: HttpRequest,
    controller_id: UUID,
    *,
    agent_form: AgentForm | None = None,
    business_form: BusinessForm | None = None,
) -> HttpResponse:
    actor = actor_of(request)
    controller = controller_for(actor, Permission.ADMINISTER, controller_id)
    named = services.business_of(actor, controller_id)
    context = {
        "controller": controller,
        "here": "agents",
        "agents": services.agents_visible(actor).filter(controller=controller),
        "form": agent_form or AgentForm(),
        "business_form": business_form
        or BusinessForm(initial={"business_id": named.business_id if named else ""}),
    }
    wrong = any(form is not None and form.errors for form in (agent_form, business_form))
    return render(request, "administration/agents.html", context, status=422 if wrong else 200)
