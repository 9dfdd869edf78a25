"""The language of the pages: chosen by a button, kept with the person and on the device."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from expunge.accounts.models import User
from expunge.accounts.permissions import Actor
from expunge.accounts.services import language_prefer


@require_POST
@never_cache
def language(request: HttpRequest) -> HttpResponse:
    """Take the language of the button; strangers keep it in a cookie only."""
    chosen = request.POST.get("language", "")
    target = request.POST.get("next", "")
    if not target.startswith("/") or not url_has_allowed_host_and_scheme(target, None):
        target = "/"
    response = HttpResponseRedirect(target)
    if chosen not in dict(settings.LANGUAGES):
        return response
    if isinstance(request.user, User):
        language_prefer(actor=Actor(user=request.user), language=chosen)
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        chosen,
        max_age=settings.LANGUAGE_COOKIE_AGE,
        httponly=settings.LANGUAGE_COOKIE_HTTPONLY,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )
    return response
