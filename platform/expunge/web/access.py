"""Who looks at a page, and what a browser may keep of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Concatenate, ParamSpec, cast

from allauth.account.decorators import reauthentication_required
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from expunge.accounts.models import User
from expunge.accounts.permissions import Actor

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]
ACTOR = "expunge_actor"
"""Where a request keeps who makes it."""


def page(*methods: str) -> Callable[[View[P]], View[P]]:
    """Make a function a page for signed-in people that no cache keeps (``no-store``)."""

    def decorate(view: View[P]) -> View[P]:
        guard = require_http_methods(methods or ("GET", "HEAD"))
        return guard(never_cache(login_required(view)))

    return decorate


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
