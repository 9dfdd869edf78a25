"""The documentation of the API, served by the platform itself: the schema, Swagger UI, Redoc.

Nothing comes from elsewhere. Swagger UI is started by a script of its own address, so that the
site's content security policy holds. Redoc writes its styles into the page while it runs and has
no other way: its page alone allows inline styles, and still no inline script.
"""

from __future__ import annotations

from functools import lru_cache

from csp.constants import UNSAFE_INLINE
from csp.decorators import csp_update
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer

OPENAPI = "application/vnd.oai.openapi+json"


@require_safe
def schema(request: HttpRequest) -> HttpResponse:
    """Return the OpenAPI document."""
    del request
    return HttpResponse(_schema(), content_type=OPENAPI)


@require_safe
def swagger(request: HttpRequest) -> HttpResponse:
    """Show the API in Swagger UI, where calls can be tried with one's token."""
    return render(request, "api/swagger.html")


@require_safe
@csp_update({"style-src": [UNSAFE_INLINE]})
def redoc(request: HttpRequest) -> HttpResponse:
    """Show the API in Redoc, for reading."""
    return render(request, "api/redoc.html")


@lru_cache(maxsize=1)
def _schema() -> bytes:
    """Write the document once a process: it is the same for everybody."""
    made = SchemaGenerator().get_schema(public=True)
    return bytes(OpenApiJsonRenderer().render(made, renderer_context={}))
