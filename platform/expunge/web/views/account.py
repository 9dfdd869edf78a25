"""Signing in and out."""

from __future__ import annotations

from allauth.account.views import login as sign_in
from django.contrib.auth.views import LogoutView

__all__ = ["sign_in", "sign_out"]

sign_out = LogoutView.as_view()
