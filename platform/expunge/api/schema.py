"""The OpenAPI schema: the bearer token, and problem details for every way to fail."""

from __future__ import annotations

from typing import Any, Literal

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from rest_framework import serializers

FAILURES = ("400", "401", "403", "404", "405", "409", "415", "422", "429")
Direction = Literal["request", "response"]
MEDIA_TYPE = "application/problem+json"


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
    """Adds the problem responses to every operation."""

    def _get_response_bodies(self, direction: Direction = "response") -> Any:
        bodies = super()._get_response_bodies(direction)
        for status in FAILURES:
            described = self._get_response_for_code(  # type: ignore[no-untyped-call]
                Problem, status, [MEDIA_TYPE], direction
            )
            bodies.setdefault(status, described)
        return bodies


class BearerScheme(OpenApiAuthenticationExtension):
    """Describes :class:`TokenAuthentication`."""

    target_class = "expunge.api.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        """Return the HTTP bearer scheme."""
        del auto_schema
        return {"type": "http", "scheme": "bearer"}
