"""What every page's frame shows: whose workplace this is and where it may lead."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from expunge.accounts.models import Membership
from expunge.accounts.permissions import ROLE_PERMISSIONS, Permission


def workplace(request: HttpRequest) -> dict[str, Any]:
    """Return the person's roles and the permissions they hold for any organisation."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {"roles": (), "may": {}}
    roles = tuple(Membership.objects.filter(user=user).select_related("controller"))
    held = {permission for role in roles for permission in ROLE_PERMISSIONS[role.role]}
    return {
        "roles": roles,
        "may": {permission.name: permission in held for permission in Permission},
    }
