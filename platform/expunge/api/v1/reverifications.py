"""Re-verifications: certified erasures, verified again on later versions of a model."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from expunge.accounts.permissions import Permission
from expunge.api.resource import ListResource, Resource
from expunge.jobs import selectors
from expunge.jobs.models import Reverification
from expunge.jobs.states import ReviewState

REVIEW_STATES = [str(state) for state in ReviewState]
READS = {"GET": [{Permission.CERTIFICATE_VIEW}]}


class ReverificationFilter(serializers.Serializer[Any]):
    """Which re-verifications."""

    state = serializers.ChoiceField(REVIEW_STATES, required=False, default=None)
    ticket = serializers.UUIDField(required=False, default=None)
    model_version = serializers.UUIDField(required=False, default=None)


class ReverificationLine(serializers.Serializer[Any]):
    """A certificate, the later version it was checked on, and what came of it."""

    id = serializers.UUIDField(source="pk")
    certificate = serializers.UUIDField(source="certificate_id")
    ticket = serializers.UUIDField(source="ticket_id")
    model_version = serializers.UUIDField(source="version_id")
    attempt = serializers.UUIDField(source="basis_id")
    state = serializers.ChoiceField(REVIEW_STATES)
    phase = serializers.CharField()
    done = serializers.IntegerField()
    total = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)


class ReverificationOut(ReverificationLine):
    """A re-verification in full, with the verifier's report."""

    preregistration = serializers.CharField()
    report = serializers.JSONField(allow_null=True)
    failure = serializers.JSONField(allow_null=True)


class Reverifications(ListResource[Reverification]):
    """The re-verifications of the token's organisation."""

    needs: ClassVar = READS
    serializer_class = ReverificationLine

    @extend_schema(operation_id="reverifications_list", parameters=[ReverificationFilter])
    def get(self, request: Request) -> Response:
        """List re-verifications, newest first."""
        asked = self.read_query(ReverificationFilter)
        return self.listing(
            selectors.reviews_visible(
                self.actor,
                state=asked["state"],
                ticket_id=asked["ticket"],
                version_id=asked["model_version"],
            )
        )


class OneReverification(Resource):
    """One re-verification."""

    needs: ClassVar = READS

    @extend_schema(operation_id="reverifications_get", responses=ReverificationOut)
    def get(self, request: Request, reverification_id: UUID) -> Response:
        """Return a re-verification with its report."""
        found = selectors.review_get(self.actor, reverification_id)
        return Response(ReverificationOut(found).data)
