"""Leads people whose role needs a second factor to setting one up, before anything else."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import resolve
from django.utils.translation import gettext

from expunge.accounts.models import User
from expunge.accounts.second_factor import second_factor_held, second_factor_needed

OPEN_PAGES = frozenset(
    {
        "mfa_activate_totp",
        "account_reauthenticate",
        "account_logout",
        "account_login",
        "account_set_password",
        "web:sign-in",
        "web:sign-out",
        "web:language",
    }
)
"""What somebody may open without the second factor they need."""


class SecondFactorMiddleware:
    """Sends a signed-in person who lacks a needed second factor to its page."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request."""
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_view: object) -> HttpResponse | None:
        """Stop before the view when the person has to set up a second factor first."""
        user = request.user
        if not isinstance(user, User) or resolve(request.path_info).view_name in OPEN_PAGES:
            return None
        if second_factor_held(user) or not second_factor_needed(user):
            return None
        messages.info(request, gettext("Your role needs a second factor. Set it up to go on."))
        return redirect("mfa_activate_totp")
