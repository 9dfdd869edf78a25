"""Alerts that someone who was erased came back: list, get, decide."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from expunge.accounts.permissions import Permission
from expunge.api.resource import ListResource, Resource
from expunge.registry import suppression
from expunge.registry.models import AlertKind, AlertState, SuppressionAlert

READS = {"GET": [{Permission.TICKET_VIEW}]}
REASONS = [*suppression.ConfirmReason.values, *suppression.DismissReason.values]
DECISIONS = [str(item) for item in suppression.REASONS]


class AlertFilter(serializers.Serializer[Any]):
    """Which alerts."""

    state = serializers.ChoiceField(AlertState.values, required=False, default=None)


class AlertOut(serializers.Serializer[Any]):
    """A version that brings back, or may bring back, what ``ticket`` erased."""

    id = serializers.UUIDField(source="pk")
    kind = serializers.ChoiceField(AlertKind.values)
    state = serializers.ChoiceField(AlertState.values)
    ticket = serializers.UUIDField(source="ticket_id")
    dataset_version = serializers.UUIDField(source="dataset_version_id", allow_null=True)
    model_version = serializers.UUIDField(source="model_version_id", allow_null=True)
    restored_from = serializers.UUIDField(source="restored_from_id", allow_null=True)
    nodes = serializers.ListField(child=serializers.UUIDField())
    reason = serializers.CharField(allow_blank=True)
    decided_at = serializers.DateTimeField(allow_null=True)
    job = serializers.UUIDField(source="job_id", allow_null=True)
    created_at = serializers.DateTimeField()


class DecisionIn(serializers.Serializer[Any]):
    """What an alert is found to be. The reasons to confirm and to dismiss differ."""

    decision = serializers.ChoiceField(DECISIONS)
    reason = serializers.ChoiceField(REASONS)


class Alerts(ListResource[SuppressionAlert]):
    """The alerts of the token's organisation."""

    needs: ClassVar = READS
    serializer_class = AlertOut

    @extend_schema(operation_id="alerts_list", parameters=[AlertFilter])
    def get(self, request: Request) -> Response:
        """List alerts, newest first."""
        state = self.read_query(AlertFilter)["state"]
        return self.listing(suppression.alerts_visible(self.actor, state=state))


class OneAlert(Resource):
    """One alert."""

    needs: ClassVar = READS

    @extend_schema(operation_id="alerts_get", responses=AlertOut)
    def get(self, request: Request, alert_id: UUID) -> Response:
        """Return an alert."""
        return Response(AlertOut(suppression.alert_get(self.actor, alert_id)).data)


class DecideAlert(Resource):
    """The decision about an alert."""

    needs: ClassVar = {"POST": [{Permission.TICKET_VIEW, Permission.TICKET_REVIEW}]}
    subject = OneAlert

    @extend_schema(operation_id="alerts_decide", request=DecisionIn, responses=AlertOut)
    def post(self, request: Request, alert_id: UUID) -> Response:
        """Confirm or dismiss an open alert."""
        alert = suppression.alert_decide(
            actor=self.actor, alert_id=alert_id, **self.read(DecisionIn)
        )
        return Response(AlertOut(alert).data)
