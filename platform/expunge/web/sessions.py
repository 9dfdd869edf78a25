"""How long a session lives: until nobody used it for a while, and never longer than a day's work.

A session that ended sends its owner to the sign-in page and back.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext

from expunge.common.clock import now

BEGUN, SEEN = "begun", "seen"
RESOLUTION = 60
"""Seconds between two notes of a session's use: not every request writes."""


class SessionLimitMiddleware:
    """Ends a session that is too old or was left alone for too long."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request, as a stranger's when the session is over."""
        if request.user.is_authenticated:
            moment = time.time()
            if _is_over(request, moment):
                logout(request)
                messages.info(request, gettext("Your session has ended. Please sign in again."))
            elif moment - request.session.get(SEEN, 0) > RESOLUTION:
                request.session[SEEN] = moment
                UserSession.objects.filter(session_key=request.session.session_key).update(
                    last_seen_at=now()
                )
        return self.get_response(request)


@receiver(user_logged_in)
def session_begin(request: HttpRequest | None, **_sent: Any) -> None:
    """Note when a session began; Django has given it a new key by now."""
    if request is not None and hasattr(request, "session"):
        request.session[BEGUN] = request.session[SEEN] = time.time()


def _is_over(request: HttpRequest, moment: float) -> bool:
    begun, seen = request.session.get(BEGUN, 0), request.session.get(SEEN, 0)
    too_old = moment - begun > settings.EXPUNGE_SESSION_LIFE.total_seconds()
    return bool(too_old or moment - seen > settings.EXPUNGE_SESSION_IDLE.total_seconds())
