"""The OpenAPI schema: tokens with their scopes, conditions, and problem details for failures."""

from __future__ import annotations

from typing import Any, Literal

from drf_spectacular.extensions import (
    OpenApiAuthenticationExtension,
    OpenApiSerializerExtension,
)
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

FAILURES = {
    "400": "The request is not readable.",
    "401": "There is no token, or it is unknown, expired or revoked.",
    "403": "The token or the person may not do this.",
    "404": "There is no such thing for this caller.",
    "405": "This address does not have this method.",
    "406": "The answer cannot be given in the wanted format.",
    "409": "The thing is not in a state in which this can be done, or someone was faster.",
    "412": "The thing changed since it was read (`If-Match`).",
    "413": "The body is too large.",
    "415": "The body is not JSON.",
    "422": "The input is not valid; `errors` or `field` say where.",
    "429": "Too many calls; `Retry-After` says when to come back.",
}
Direction = Literal["request", "response"]
MEDIA_TYPE = "application/problem+json"
PROBLEMS = (
    {
        "type": "about:blank",
        "title": "Not found",
        "status": 404,
        "code": "ticket_unknown",
        "detail": "There is no such ticket for you.",
    },
    {
        "type": "about:blank",
        "title": "The request cannot be carried out",
        "status": 409,
        "code": "ticket_state",
        "detail": "'Approve' is not possible while the ticket is 'closed'.",
    },
    {
        "type": "about:blank",
        "title": "The input is not valid",
        "status": 422,
        "code": "invalid_input",
        "detail": "Some of the input is not valid; see 'errors'.",
        "errors": [{"pointer": "#/nodes", "code": "required", "detail": "This field is required."}],
    },
)
"""Stand once with the schema of a problem, not with each way to fail of each operation."""
SENT_HEADERS = {
    "key": OpenApiParameter(
        "Idempotency-Key",
        {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!#-~]+$"},
        OpenApiParameter.HEADER,
        description=(
            "A new random value (a UUID) for each request. Sent again within 24 hours with the "
            "same request, the first answer is given again and nothing is done twice."
        ),
    ),
    "match": OpenApiParameter(
        "If-Match",
        {"type": "string"},
        OpenApiParameter.HEADER,
        description="The ETag that was read: change the thing only if it is still like that.",
    ),
    "none_match": OpenApiParameter(
        "If-None-Match",
        {"type": "string"},
        OpenApiParameter.HEADER,
        description="The ETag that was read: answer 304 if it is still like that.",
    ),
}
ANSWER_HEADERS = {
    "RateLimit": "What is left of the quota: `r` calls, whole again in `t` seconds.",
    "RateLimit-Policy": "The quota: `q` calls in `w` seconds.",
}


class FieldProblem(serializers.Serializer[Any]):
    """What is wrong with one part of the input; ``pointer`` is RFC 6901 in a fragment."""

    pointer = serializers.CharField()
    code = serializers.CharField()
    detail = serializers.CharField()


class Problem(serializers.Serializer[Any]):
    """Problem details (RFC 9457). ``code`` is stable; ``detail`` says what to do."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField()
    detail = serializers.CharField()
    field = serializers.CharField(required=False)
    errors = FieldProblem(many=True, required=False)  # type: ignore[assignment]


class ProblemSchema(AutoSchema):
    """Adds what every operation of a resource has: scopes, headers and ways to fail."""

    def get_auth(self) -> list[dict[str, list[str]]]:
        """Return the token with the scopes it needs; several sets are alternatives."""
        plain: list[dict[str, list[str]]] = super().get_auth()  # this also describes the scheme
        choices = getattr(self.view, "needs", {}).get(self.method, ())
        return [{"token": sorted(map(str, one))} for one in choices] or plain

    def get_override_parameters(self) -> list[Any]:
        """Return the header fields that the method understands."""
        found = []
        if self.method == "POST":
            found.append(SENT_HEADERS["key"])
        if self.method in {"PUT", "PATCH", "DELETE"} or (
            self.method == "POST" and getattr(self.view, "subject", None) is not None
        ):
            found.append(SENT_HEADERS["match"])
        if self._is_single_read():
            found.append(SENT_HEADERS["none_match"])
        return found

    def _is_list_view(self, serializer: Any = None) -> bool:
        """Say that the GET of a paged resource is a list: the generator looks for another name."""
        listed = getattr(self.view, "pagination_class", None) and self.method == "GET"
        row = getattr(self.view, "serializer_class", None)
        if listed and (serializer is None or row in {serializer, type(serializer)}):
            return True
        return bool(super()._is_list_view(serializer))

    def _is_single_read(self) -> bool:
        return self.method == "GET" and getattr(self.view, "pagination_class", None) is None

    def _get_response_bodies(self, direction: Direction = "response") -> Any:
        bodies = super()._get_response_bodies(direction)
        for body in bodies.values():
            body.setdefault("headers", {}).update(_described(ANSWER_HEADERS))
        if self._is_single_read() and "application/json" in bodies.get("200", {}).get(
            "content", {}
        ):
            bodies["200"]["headers"] |= _described({"ETag": "The tag of what was read."})
            bodies["304"] = {"description": "It is still as the caller has it."}
        for status, meaning in FAILURES.items():
            described = self._get_response_for_code(  # type: ignore[no-untyped-call]
                Problem, status, [MEDIA_TYPE], direction
            )
            bodies.setdefault(status, {**described, "description": meaning})
        return bodies


class ProblemExamples(OpenApiSerializerExtension):
    """Shows what problems look like."""

    target_class = Problem

    def map_serializer(self, auto_schema: AutoSchema, direction: Direction) -> dict[str, Any]:
        """Return the schema with its examples."""
        schema: dict[str, Any] = auto_schema._map_serializer(  # noqa: SLF001 - the way of its own extensions
            self.target, direction, bypass_extensions=True
        )
        return {**schema, "examples": list(PROBLEMS)}


class BearerScheme(OpenApiAuthenticationExtension):
    """Describes :class:`TokenAuthentication`."""

    target_class = "expunge.api.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        """Return the HTTP bearer scheme."""
        del auto_schema
        return {
            "type": "http",
            "scheme": "bearer",
            "description": (
                "A token is made on one's page of tokens, for one organisation, with scopes and an "
                "end. The names listed with an operation are the scopes it needs."
            ),
        }


def _described(headers: dict[str, str]) -> dict[str, Any]:
    return {
        name: {"description": text, "schema": {"type": "string"}} for name, text in headers.items()
    }
