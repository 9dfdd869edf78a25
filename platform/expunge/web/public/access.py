"""Who comes by a secret link: exchanged for a short cookie, and what a browser may keep.

The secret stands in an address once. It is exchanged for a signed cookie that names the link by
its id, and the browser goes on to an address without it. The link is looked up anew on every
page, so that a revoked one ends at once.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import update_wrapper
from http import HTTPStatus
from typing import Any, Concatenate, ParamSpec, cast
from uuid import UUID

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from expunge.common.errors import NotFoundError
from expunge.subjects.links import PATH, link_get
from expunge.subjects.models import StatusLink

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]
COOKIE = "expunge_request"
SALT = "web.public.status"
LIFETIME = timedelta(minutes=30)


def public_page(*methods: str) -> Callable[[View[P]], View[P]]:
    """Make a function a page for everybody that no cache keeps and no search engine lists."""

    def decorate(view: View[P]) -> View[P]:
        def guarded(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            response = view(request, *args, **kwargs)
            response.setdefault("X-Robots-Tag", "noindex, nofollow, noarchive")
            # A browser that may tell no referrer calls the origin of a form "null", and the form
            # is refused. The clean addresses are no secret, so they may know of each other.
            response.setdefault("Referrer-Policy", "same-origin")
            return response

        update_wrapper(guarded, view)
        page = require_http_methods(methods or ("GET", "HEAD"))(never_cache(guarded))
        return cast("View[P]", page)

    return decorate


def status_page(*methods: str) -> Callable[[Callable[..., HttpResponse]], Callable[..., Any]]:
    """Make a function a page of somebody who came by a link; it gets the link."""

    def decorate(view: Callable[..., HttpResponse]) -> Callable[..., Any]:
        def entered(request: HttpRequest, **given: Any) -> HttpResponse:
            try:
                link = link_of(request)
            except NotFoundError:
                return render(request, "public/ended.html", status=HTTPStatus.NOT_FOUND)
            response = view(request, link, **given)
            remember(response, link.pk)
            return response

        return public_page(*methods)(entered)

    return decorate


def link_of(request: HttpRequest) -> StatusLink:
    """Return the link somebody came by; raises ``link_unknown``."""
    stored = request.COOKIES.get(COOKIE, "")
    try:
        named = signing.loads(stored, salt=SALT, max_age=LIFETIME)
    except signing.BadSignature:
        named = None
    if not isinstance(named, str):
        raise NotFoundError("link_unknown", _("Open the link of our letter again."))
    return link_get(UUID(named))


def remember(response: HttpResponse, link_id: UUID) -> None:
    """Let the browser stay on the status page for half an hour from now."""
    if COOKIE in response.cookies:
        return
    response.set_cookie(
        COOKIE,
        signing.dumps(str(link_id), salt=SALT),
        max_age=LIFETIME,
        path=PATH,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def forget(response: HttpResponse) -> None:
    """End the visit."""
    response.delete_cookie(COOKIE, path=PATH, samesite="Lax")
