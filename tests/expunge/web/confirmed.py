"""A browser in which somebody has just entered their password once more."""

from __future__ import annotations

import time

from allauth.account.internal.flows.login import (
    _AUTHENTICATION_METHODS_USER_SESSION_KEY,
    AUTHENTICATION_METHODS_SESSION_KEY,
)
from django.test import Client

from expunge.accounts.permissions import Actor


def confirm(client: Client, actor: Actor) -> Client:
    """Write into the session what the page that asks for the password would write."""
    assert actor.user is not None
    session = client.session
    session[_AUTHENTICATION_METHODS_USER_SESSION_KEY] = str(actor.user.pk)
    session[AUTHENTICATION_METHODS_SESSION_KEY] = [
        {"method": "password", "at": time.time(), "reauthenticated": True}
    ]
    session.save()
    return client
