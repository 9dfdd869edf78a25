"""Administering an organisation: its people, its tokens, its settings and its policy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext

from expunge.accounts import people as services
from expunge.accounts.models import Role
from expunge.accounts.permissions import Permission, controller_for
from expunge.accounts.policies import controller_change, policy_change
from expunge.accounts.selectors import (
    controllers_of,
    membership_get,
    people_of,
    policy_history,
    policy_of,
    tokens_at,
)
from expunge.accounts.services import membership_grant, membership_revoke, token_revoke
from expunge.common.clock import now
from expunge.common.errors import DomainError
from expunge.web.access import actor_of, page, sensitive
from expunge.web.administration_forms import InviteForm, OrganisationForm, PolicyForm
from expunge.web.forms import Styled


@page()
def administration(request: HttpRequest) -> HttpResponse:
    """Lead to the people of the organisation, or offer the organisations there are."""
    actor = actor_of(request)
    administered = actor.controllers(Permission.ADMINISTER)
    if len(administered) == 1:
        return redirect("web:people", *administered)
    found = controllers_of(actor).filter(pk__in=administered)
    return render(request, "administration/organisations.html", {"organisations": found})


@page("GET", "HEAD", "POST")
@sensitive
def people(request: HttpRequest, controller_id: UUID) -> HttpResponse:
    """Show the people of the organisation; a POST invites one."""
    form = InviteForm(request.POST or None)

    def invite(**given: Any) -> str:
        services.user_invite(actor=actor_of(request), controller_id=controller_id, **given)
        return gettext("The invitation is on its way.")

    found = people_of(actor_of(request), controller_id)
    context = {"people": found, "roles_known": Role.choices}
    return _page(request, controller_id, "people", form, invite, context)


@page("POST")
@sensitive
def role_grant(request: HttpRequest, controller_id: UUID, user_id: UUID) -> HttpResponse:
    """Give a person one more role."""
    actor = actor_of(request)
    user = services.member_get(actor, controller_id, user_id)
    role = request.POST.get("role", "")
    membership_grant(actor=actor, user=user, controller_id=controller_id, role=role)
    return _back(request, controller_id, gettext("The role is given."))


@page("POST")
@sensitive
def role_revoke(request: HttpRequest, controller_id: UUID, membership_id: UUID) -> HttpResponse:
    """Take a role away."""
    actor = actor_of(request)
    membership = membership_get(actor, controller_id, membership_id)
    membership_revoke(actor=actor, membership=membership)
    return _back(request, controller_id, gettext("The role is taken away."))


@page("POST")
@sensitive
def person_do(request: HttpRequest, controller_id: UUID, user_id: UUID, task: str) -> HttpResponse:
    """Remove a person, invite them again, or reset their second factor."""
    service, done = PERSON_TASKS[task]
    service(actor=actor_of(request), controller_id=controller_id, user_id=user_id)
    return _back(request, controller_id, str(done()))


PERSON_TASKS: dict[str, tuple[Callable[..., Any], Callable[[], str]]] = {
    "remove": (services.user_remove, lambda: gettext("The person is removed.")),
    "invite": (services.invitation_repeat, lambda: gettext("The invitation is on its way.")),
    "reset": (services.second_factor_reset, lambda: gettext("The second factor is reset.")),
}


@page()
def tokens(request: HttpRequest, controller_id: UUID) -> HttpResponse:
    """Show every token for the organisation."""
    context = {"tokens": tokens_at(actor_of(request), controller_id), "now": now()}
    return _page(request, controller_id, "tokens", None, None, context)


@page("POST")
def token_end(request: HttpRequest, controller_id: UUID, token_id: UUID) -> HttpResponse:
    """End a token of anybody's."""
    controller_for(actor_of(request), Permission.ADMINISTER, controller_id)
    token_revoke(actor=actor_of(request), token_id=token_id)
    messages.success(request, gettext("The token has ended."))
    return redirect("web:tokens", controller_id)


@page("GET", "HEAD", "POST")
@sensitive
def organisation(request: HttpRequest, controller_id: UUID) -> HttpResponse:
    """Show and change what the organisation is called and where it is."""
    actor = actor_of(request)
    controller = controller_for(actor, Permission.ADMINISTER, controller_id)

    def change(**given: Any) -> str:
        controller_change(actor=actor, controller_id=controller_id, **given)
        return gettext("The settings are changed.")

    form = OrganisationForm(controller, request.POST or None)
    return _page(request, controller_id, "organisation", form, change, {})


@page("GET", "HEAD", "POST")
@sensitive
def policy(request: HttpRequest, controller_id: UUID) -> HttpResponse:
    """Show and change the policy; every earlier one stands below."""
    actor = actor_of(request)

    def change(**given: Any) -> str:
        policy_change(actor=actor, controller_id=controller_id, **given)
        return gettext("The policy is changed.")

    form = PolicyForm(policy_of(controller_id), request.POST or None)
    context = {"history": policy_history(actor, controller_id)}
    return _page(request, controller_id, "policy", form, change, context)


def _page(  # noqa: PLR0913, PLR0917 - what every page of the administration has
    request: HttpRequest,
    controller_id: UUID,
    name: str,
    form: Styled | None,
    act: Callable[..., str] | None,
    context: dict[str, Any],
) -> HttpResponse:
    """Render a page of the organisation, after carrying out its form if there is one."""
    controller = controller_for(actor_of(request), Permission.ADMINISTER, controller_id)
    if form is not None and act is not None and form.is_valid():
        try:
            messages.success(request, act(**form.cleaned_data))
            return redirect(f"web:{name}", controller_id)
        except DomainError as error:
            form.add_domain_error(error)
    status = 422 if form is not None and form.errors else 200
    shared = {"controller": controller, "form": form, "here": name}
    return render(request, f"administration/{name}.html", shared | context, status=status)


def _back(request: HttpRequest, controller_id: UUID, done: str) -> HttpResponse:
    messages.success(request, done)
    return redirect("web:people", controller_id)
