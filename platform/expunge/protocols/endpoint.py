"""The base of every address of a protocol: bounded, uncached, answered in the protocol's words."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView

from expunge.common.address import client_address

SCHEME = "bearer"


class PerAddress(SimpleRateThrottle):
    """Two calls a second from one address, on average over a minute."""

    scope = "protocols"
    rate = "120/min"

    def get_cache_key(self, request: Request, view: APIView) -> str:
        """Count by the caller's address."""
        del view
        return f"protocols:calls:{client_address(plain(request))}"


class Endpoint(APIView):
    """A view that reads the raw body and knows its callers itself."""

    schema = None
    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_classes = (PerAddress,)

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        """Forbid caches to keep anything."""
        final = super().finalize_response(request, response, *args, **kwargs)
        final.setdefault("Cache-Control", "no-store")
        return final


def plain(request: Request) -> HttpRequest:
    """Return Django's own request."""
    return request._request  # noqa: SLF001 - DRF keeps it there and offers no other name


def bearer(request: Request) -> str:
    """Return the bearer token that was sent; empty without one."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.casefold() == SCHEME else ""
