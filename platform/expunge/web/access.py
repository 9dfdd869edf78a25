"""Who looks at a page, and what a browser may keep of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from http import HTTPStatus
from typing import Concatenate, ParamSpec, cast
from urllib.parse import urlsplit

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from expunge.accounts.models import User
from expunge.accounts.permissions import Actor

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]
ACTOR = "expunge_actor"
"""Where a request keeps who makes it."""


def page(*methods: str) -> Callable[[View[P]], View[P]]:
    """Make a function a page for signed-in people that no cache keeps (``no-store``)."""
    allowed = methods or ("GET", "HEAD")

    def decorate(view: View[P]) -> View[P]:
        kept = never_cache(login_required(view))

        @wraps(view)
        def shown(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if request.method not in allowed:
                refused = render(request, "405.html", status=HTTPStatus.METHOD_NOT_ALLOWED)
                refused["Allow"] = ", ".join(allowed)
                return refused
            if request.method == "POST" and not request.user.is_authenticated:
                return _sign_in_first(request, allowed)
            return kept(request, *args, **kwargs)

        return cast("View[P]", shown)

    return decorate


def came_from(request: HttpRequest) -> str:
    """Return the path of the page of this site that the person came from, if it was another."""
    referrer = request.headers.get("Referer", "")
    if not url_has_allowed_host_and_scheme(referrer, {request.get_host()}):
        return ""
    path = urlsplit(referrer).path
    return "" if path == request.path else path


def _sign_in_first(request: HttpRequest, allowed: Sequence[str]) -> HttpResponse:
    """Ask for the sign-in and lead back to the form, for what it sent was not taken."""
    messages.warning(
        request, _("You were signed out meanwhile, so nothing was done. Sign in, then do it again.")
    )
    form = request.path if "GET" in allowed else reverse("web:dashboard")
    return redirect_to_login(came_from(request) or form)


def sensitive(view: View[P]) -> View[P]:
    """Ask for the password or a code once more before a form of this page is taken."""
    asked = reauthentication_required(view, allow_get=True)
    return cast("View[P]", asked)


def actor_of(request: HttpRequest) -> Actor:
    """Return the signed-in person as an actor."""
    if not isinstance(request.user, User):
        raise TypeError("this page is only for signed-in people")
    known: Actor | None = getattr(request, ACTOR, None)
    if known is None or known.user != request.user:
        known = Actor(user=request.user).for_request()
        setattr(request, ACTOR, known)
    return known


def is_fragment(request: HttpRequest) -> bool:
    """Say whether htmx asks for a part of the page and not for the whole."""
    return request.headers.get("HX-Request") == "true"
