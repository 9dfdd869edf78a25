"""Every error of the API as RFC 9457 problem details (``application/problem+json``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.core.signals import got_request_exception
from django.http import Http404, HttpRequest, JsonResponse
from django.utils.translation import gettext
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler

from expunge.common.errors import DomainError

CONTENT_TYPE = "application/problem+json"


def problem_handler(error: Exception, context: dict[str, Any]) -> Response:
    """Answer any exception of a view with problem details; a defect answers 500 and is logged."""
    if isinstance(error, DomainError):
        return _response(
            problem(
                error.status, error.code, error.message, title=gettext(error.title), **error.extra
            )
        )
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    if isinstance(error, RequestDataTooBig):
        return _response(
            problem(413, "body_too_large", "The body is too large. Send less at once.")
        )
    plain = exception_handler(error, context)
    if plain is None or not isinstance(error, exceptions.APIException):
        got_request_exception.send(sender=None, request=context["request"])
        return _response(
            problem(500, "internal_error", "Something broke on our side. It has been recorded.")
        )
    headers = {name: value for name, value in plain.items() if name != "Content-Type"}
    return _response(_from_api_exception(error), headers)


def problem(
    status: int, code: str, detail: str, *, title: str = "", **extra: Any
) -> dict[str, Any]:
    """Return the members of a problem; ``code`` is stable, ``detail`` says what to do."""
    return {
        "type": "about:blank",
        "title": title or HTTPStatus(status).phrase,
        "status": int(status),
        "code": code,
        "detail": detail,
        **extra,
    }


@csrf_exempt  # nothing happens here, and a script has no form to renew
def not_found(request: HttpRequest, path: str = "") -> JsonResponse:
    """Answer an address the API does not have."""
    del request, path
    body = problem(404, "not_found", "The API has no such address.")
    return JsonResponse(body, status=404, content_type=CONTENT_TYPE)


def _from_api_exception(error: exceptions.APIException) -> dict[str, Any]:
    if isinstance(error, exceptions.ValidationError):
        return problem(
            422,
            "invalid_input",
            "Some of the input is not valid; see 'errors'.",
            title="The input is not valid",
            errors=list(_field_errors(error.detail)),
        )
    if isinstance(error, exceptions.NotAcceptable):
        return problem(
            406,
            "not_acceptable",
            "This address does not answer in that format. Leave 'Accept' out, or name a format "
            "that the documentation lists.",
        )
    code = error.get_codes()
    return problem(
        error.status_code, code if isinstance(code, str) else "invalid", str(error.detail)
    )


def _field_errors(detail: Any, pointer: str = "") -> Sequence[dict[str, str]]:
    """Flatten DRF's nested errors to ``{pointer, code, detail}``, pointers as in RFC 6901."""
    if isinstance(detail, Mapping):
        found = [
            entry
            for name, value in detail.items()
            for entry in _field_errors(
                value, pointer if name == "non_field_errors" else f"{pointer}/{name}"
            )
        ]
    elif isinstance(detail, list):
        found = [
            entry
            for index, value in enumerate(detail)
            for entry in _field_errors(
                value, f"{pointer}/{index}" if isinstance(value, Mapping) else pointer
            )
        ]
    else:
        code = getattr(detail, "code", "invalid")
        found = [{"pointer": f"#{pointer}", "code": code, "detail": str(detail)}]
    return found


def _response(body: dict[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    return Response(body, status=body["status"], headers=headers, content_type=CONTENT_TYPE)
