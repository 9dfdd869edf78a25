"""Webhook endpoints and their deliveries."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from expunge.accounts.permissions import Permission
from expunge.api.resource import ListResource, Resource
from expunge.notices import endpoints as services
from expunge.notices import selectors
from expunge.notices.kinds import EventKind
from expunge.notices.models import OutboxState, WebhookDelivery, WebhookEndpoint

EVENTS = [kind.value for kind in EventKind]
OUTBOX_STATES = [state.value for state in OutboxState]
ADMINISTER = [frozenset({Permission.ADMINISTER})]


class WebhookIn(serializers.Serializer[Any]):
    """Where events go, and which."""

    name = serializers.CharField(max_length=100)
    url = serializers.CharField(max_length=500)
    kinds = serializers.ListField(
        child=serializers.ChoiceField(EVENTS), min_length=1, max_length=len(EVENTS)
    )


class WebhookOut(serializers.Serializer[Any]):
    """An endpoint without its secret."""

    id = serializers.UUIDField(source="pk")
    name = serializers.CharField()
    url = serializers.CharField()
    kinds = serializers.ListField(child=serializers.ChoiceField(EVENTS))
    enabled = serializers.BooleanField()
    disabled_reason = serializers.CharField()
    failing_since = serializers.DateTimeField(allow_null=True)
    old_secret_until = serializers.DateTimeField(source="old_until", allow_null=True)
    created_at = serializers.DateTimeField()


class NewWebhookOut(WebhookOut):
    """An endpoint with its secret, which is shown this once."""

    secret = serializers.CharField()


class TryOut(serializers.Serializer[Any]):
    """One try: the answer's status or a code for what went wrong, and the time it took."""

    at = serializers.DateTimeField(source="created_at")
    status = serializers.IntegerField(allow_null=True)
    error = serializers.CharField()
    milliseconds = serializers.IntegerField()


class DeliveryOut(serializers.Serializer[Any]):
    """One event on its way to an endpoint."""

    id = serializers.UUIDField(source="pk")
    webhook = serializers.UUIDField(source="endpoint_id")
    kind = serializers.ChoiceField(EVENTS, source="event.kind")
    occurred_at = serializers.DateTimeField(source="event.occurred_at")
    state = serializers.ChoiceField(OUTBOX_STATES)
    error = serializers.CharField()
    tries = TryOut(many=True, source="attempts.all")
    due_at = serializers.DateTimeField()


class Webhooks(ListResource[WebhookEndpoint]):
    """The endpoints of the organisation."""

    serializer_class = WebhookOut
    needs: ClassVar = {"GET": ADMINISTER, "POST": ADMINISTER}

    @extend_schema(operation_id="webhooks_list")
    def get(self, request: Request) -> Response:
        """List the endpoints."""
        return self.listing(
            selectors.endpoints_visible(self.actor).filter(controller_id=self.controller_id)
        )

    @extend_schema(
        operation_id="webhooks_create", request=WebhookIn, responses={201: NewWebhookOut}
    )
    def post(self, request: Request) -> Response:
        """Make an endpoint; its secret is in this answer and nowhere else."""
        endpoint, secret = services.endpoint_create(
            actor=self.actor, controller_id=self.controller_id, **self.read(WebhookIn)
        )
        return Response({**WebhookOut(endpoint).data, "secret": secret}, status=201)


class OneWebhook(Resource):
    """One endpoint."""

    needs: ClassVar = {"GET": ADMINISTER, "PUT": ADMINISTER, "DELETE": ADMINISTER}

    @extend_schema(operation_id="webhooks_get", responses=WebhookOut)
    def get(self, request: Request, webhook_id: UUID) -> Response:
        """Return an endpoint."""
        return Response(WebhookOut(selectors.endpoint_get(self.actor, webhook_id)).data)

    @extend_schema(operation_id="webhooks_change", request=WebhookIn, responses=WebhookOut)
    def put(self, request: Request, webhook_id: UUID) -> Response:
        """Change name, address and kinds."""
        endpoint = services.endpoint_change(
            actor=self.actor, endpoint_id=webhook_id, **self.read(WebhookIn)
        )
        return Response(WebhookOut(endpoint).data)

    @extend_schema(operation_id="webhooks_delete", responses={204: None})
    def delete(self, request: Request, webhook_id: UUID) -> Response:
        """Take an endpoint away."""
        services.endpoint_delete(actor=self.actor, endpoint_id=webhook_id)
        return Response(status=204)


class RotateWebhook(Resource):
    """A new secret."""

    subject = OneWebhook
    needs: ClassVar = {"POST": ADMINISTER}

    @extend_schema(operation_id="webhooks_rotate", request=None, responses=NewWebhookOut)
    def post(self, request: Request, webhook_id: UUID) -> Response:
        """Make a new secret; the old one also signs for a day."""
        endpoint, secret = services.endpoint_rotate(actor=self.actor, endpoint_id=webhook_id)
        return Response({**WebhookOut(endpoint).data, "secret": secret})


class EnableWebhook(Resource):
    """Switching on."""

    subject = OneWebhook
    needs: ClassVar = {"POST": ADMINISTER}

    @extend_schema(operation_id="webhooks_enable", request=None, responses=WebhookOut)
    def post(self, request: Request, webhook_id: UUID) -> Response:
        """Switch an endpoint on again."""
        found = services.endpoint_enable(actor=self.actor, endpoint_id=webhook_id)
        return Response(WebhookOut(found).data)


class DisableWebhook(Resource):
    """Switching off."""

    subject = OneWebhook
    needs: ClassVar = {"POST": ADMINISTER}

    @extend_schema(operation_id="webhooks_disable", request=None, responses=WebhookOut)
    def post(self, request: Request, webhook_id: UUID) -> Response:
        """Switch an endpoint off."""
        found = services.endpoint_disable(actor=self.actor, endpoint_id=webhook_id)
        return Response(WebhookOut(found).data)


class TestWebhook(Resource):
    """Trying out."""

    subject = OneWebhook
    needs: ClassVar = {"POST": ADMINISTER}

    @extend_schema(operation_id="webhooks_test", request=None, responses={202: DeliveryOut})
    def post(self, request: Request, webhook_id: UUID) -> Response:
        """Send a test event."""
        delivery = services.endpoint_test(actor=self.actor, endpoint_id=webhook_id)
        return Response(DeliveryOut(delivery).data, status=202)


class Deliveries(ListResource[WebhookDelivery]):
    """What was sent to an endpoint."""

    serializer_class = DeliveryOut
    needs: ClassVar = {"GET": ADMINISTER}

    @extend_schema(operation_id="deliveries_list")
    def get(self, request: Request, webhook_id: UUID) -> Response:
        """List the deliveries of an endpoint, newest first."""
        endpoint = selectors.endpoint_get(self.actor, webhook_id)
        return self.listing(selectors.deliveries_of(self.actor, endpoint))


class RetryDelivery(Resource):
    """Sending again."""

    needs: ClassVar = {"POST": ADMINISTER}

    @extend_schema(operation_id="deliveries_retry", request=None, responses={202: DeliveryOut})
    def post(self, request: Request, delivery_id: UUID) -> Response:
        """Send an event once more, under its old id."""
        delivery = services.delivery_retry(actor=self.actor, delivery_id=delivery_id)
        return Response(DeliveryOut(delivery).data, status=202)
