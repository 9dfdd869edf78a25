"""One's own account: name and zone, sessions, second factor, API tokens."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext

from expunge.accounts.models import User
from expunge.accounts.people import profile_change
from expunge.accounts.second_factor import second_factor_held
from expunge.accounts.selectors import tokens_of
from expunge.accounts.services import token_create, token_revoke, token_rotate
from expunge.accounts.sessions import session_end, sessions_end_others, sessions_of
from expunge.common.clock import now
from expunge.common.errors import DomainError, InvalidInputError
from expunge.web.access import actor_of, page, sensitive
from expunge.web.administration_forms import ProfileForm, TokenForm


@page("GET", "HEAD", "POST")
def account(request: HttpRequest) -> HttpResponse:
    """Show the account; a POST changes name and time zone."""
    actor = actor_of(request)
    form = ProfileForm(_user(request), request.POST or None)
    if form.is_valid():
        try:
            profile_change(actor=actor, **form.cleaned_data)
        except InvalidInputError as error:
            form.add_domain_error(error)
        else:
            messages.success(request, gettext("Your profile is changed."))
            return redirect("web:account")
    status = 422 if form.errors else 200
    return render(request, "account/account.html", _context(request, form), status=status)


@page("POST")
def sessions_end(request: HttpRequest) -> HttpResponse:
    """End every other session."""
    sessions_end_others(actor=actor_of(request), current=request.session.session_key or "")
    messages.success(request, gettext("Your other sessions have ended."))
    return redirect("web:account")


@page("POST")
def end(request: HttpRequest, session_id: int) -> HttpResponse:
    """End one session."""
    session_end(actor=actor_of(request), session_id=session_id)
    messages.success(request, gettext("The session has ended."))
    return redirect("web:account")


@page("GET", "HEAD", "POST")
@sensitive
def token_new(request: HttpRequest) -> HttpResponse:
    """Make a token; its secret is on the answer and nowhere else."""
    actor = actor_of(request)
    form = TokenForm(actor, request.POST or None)
    if form.is_valid():
        given = dict(form.cleaned_data)
        try:
            token, secret = token_create(
                actor=actor, controller_id=UUID(given.pop("organisation")), **given
            )
        except DomainError as error:
            form.add_domain_error(error)
        else:
            context = {"token": token, "secret": secret}
            return render(request, "account/token_made.html", context)
    status = 422 if form.errors else 200
    return render(request, "account/token_new.html", {"form": form}, status=status)


@page("POST")
@sensitive
def rotate(request: HttpRequest, token_id: UUID) -> HttpResponse:
    """Replace a token by a new one, whose secret is shown once."""
    token, secret = token_rotate(actor=actor_of(request), token_id=token_id)
    return render(request, "account/token_made.html", {"token": token, "secret": secret})


@page("POST")
def revoke(request: HttpRequest, token_id: UUID) -> HttpResponse:
    """End one of one's own tokens."""
    token_revoke(actor=actor_of(request), token_id=token_id)
    messages.success(request, gettext("The token has ended."))
    return redirect("web:account")


def _user(request: HttpRequest) -> User:
    user = actor_of(request).user
    if user is None:
        raise TypeError("this page is only for people")
    return user


def _context(request: HttpRequest, form: ProfileForm) -> dict[str, Any]:
    actor = actor_of(request)
    return {
        "form": form,
        "protected": second_factor_held(_user(request)),
        "sessions": sessions_of(actor),
        "current": request.session.session_key,
        "tokens": tokens_of(actor),
        "now": now(),
    }
