"""Recipients of models and data, and what they were told (GDPR Art. 19)."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from expunge.accounts.permissions import Permission
from expunge.api.resource import ListResource, Resource
from expunge.api.v1.notices import EITHER, LANGUAGES, REVIEW
from expunge.notices.kinds import Language
from expunge.tickets import recipient_notices as telling
from expunge.tickets import recipients as services
from expunge.tickets.reasons import RecipientExcuse, RecipientRole
from expunge.tickets.recipient_models import Recipient, RecipientNotice
from expunge.tickets.recipients import RecipientFields

ROLES = [role.value for role in RecipientRole]
EXCUSES = [excuse.value for excuse in RecipientExcuse]
VIEW = [frozenset({Permission.TICKET_VIEW})]
MOST = 500


class Ids(serializers.ListField):
    """Some ids."""

    child = serializers.UUIDField()


class RecipientIn(serializers.Serializer[Any]):
    """Who received what, and how they are told. A model or a dataset is needed."""

    name = serializers.CharField(max_length=200)
    role = serializers.ChoiceField(ROLES)
    contact = serializers.CharField(max_length=300)
    language = serializers.ChoiceField(LANGUAGES, default=Language.ENGLISH.value)
    model_ids = Ids(required=False, max_length=MOST)
    dataset_ids = Ids(required=False, max_length=MOST)
    endpoint_id = serializers.UUIDField(required=False, allow_null=True)


class RecipientOut(serializers.Serializer[Any]):
    """A recipient."""

    id = serializers.UUIDField(source="pk")
    name = serializers.CharField()
    role = serializers.ChoiceField(ROLES)
    contact = serializers.CharField()
    language = serializers.ChoiceField(LANGUAGES)
    model_ids = serializers.SerializerMethodField()
    dataset_ids = serializers.SerializerMethodField()
    endpoint_id = serializers.UUIDField(allow_null=True)
    created_at = serializers.DateTimeField()

    def get_model_ids(self, recipient: Recipient) -> list[UUID]:
        """Return the models they received."""
        return [item.pk for item in recipient.received.all()]

    def get_dataset_ids(self, recipient: Recipient) -> list[UUID]:
        """Return the datasets they received."""
        return [item.pk for item in recipient.datasets.all()]


class RecipientNoticeOut(serializers.Serializer[Any]):
    """One recipient told of one erasure."""

    id = serializers.UUIDField(source="pk")
    ticket = serializers.UUIDField(source="ticket_id")
    recipient = serializers.UUIDField(source="recipient_id")
    name = serializers.CharField(source="recipient.name")
    concerned = serializers.ListField(child=serializers.CharField())
    notified_at = serializers.DateTimeField(allow_null=True)
    acknowledged_at = serializers.DateTimeField(allow_null=True)
    excuse = serializers.CharField()
    excused_at = serializers.DateTimeField(allow_null=True)


class NoticesOf(serializers.Serializer[Any]):
    """Which rows."""

    ticket = serializers.UUIDField(required=False)
    open = serializers.BooleanField(required=False, default=False)


class ExcuseIn(serializers.Serializer[Any]):
    """Why a recipient is not told."""

    reason = serializers.ChoiceField(EXCUSES)
    text = serializers.CharField(max_length=4000)


class Recipients(ListResource[Recipient]):
    """Who received models or data."""

    serializer_class = RecipientOut
    needs: ClassVar = {"GET": EITHER, "POST": EITHER}

    @extend_schema(operation_id="recipients_list")
    def get(self, request: Request) -> Response:
        """List the recipients."""
        return self.listing(services.recipients_visible(self.actor))

    @extend_schema(
        operation_id="recipients_add", request=RecipientIn, responses={201: RecipientOut}
    )
    def post(self, request: Request) -> Response:
        """Add a recipient."""
        recipient = services.recipient_add(
            actor=self.actor,
            controller_id=self.controller_id,
            fields=RecipientFields(**self.read(RecipientIn)),
        )
        return Response(RecipientOut(recipient).data, status=201)


class OneRecipient(Resource):
    """One recipient."""

    needs: ClassVar = {"GET": EITHER, "PUT": EITHER, "DELETE": EITHER}

    @extend_schema(operation_id="recipients_get", responses=RecipientOut)
    def get(self, request: Request, recipient_id: UUID) -> Response:
        """Return a recipient."""
        return Response(RecipientOut(services.recipient_get(self.actor, recipient_id)).data)

    @extend_schema(operation_id="recipients_change", request=RecipientIn, responses=RecipientOut)
    def put(self, request: Request, recipient_id: UUID) -> Response:
        """Change a recipient."""
        recipient = services.recipient_change(
            actor=self.actor,
            recipient_id=recipient_id,
            fields=RecipientFields(**self.read(RecipientIn)),
        )
        return Response(RecipientOut(recipient).data)

    @extend_schema(operation_id="recipients_retire", responses={204: None})
    def delete(self, request: Request, recipient_id: UUID) -> Response:
        """Tell them no more; what they were told stays on record."""
        services.recipient_retire(actor=self.actor, recipient_id=recipient_id)
        return Response(status=204)


class RecipientNotices(ListResource[RecipientNotice]):
    """Who was told of which erasure."""

    serializer_class = RecipientNoticeOut
    needs: ClassVar = {"GET": VIEW}

    @extend_schema(operation_id="recipient_notices_list", parameters=[NoticesOf])
    def get(self, request: Request) -> Response:
        """List the rows, newest first; ``open=true`` gives those that wait for an answer."""
        wanted = self.read_query(NoticesOf)
        rows = telling.recipient_notices(self.actor, open_only=wanted["open"])
        if "ticket" in wanted:
            rows = rows.filter(ticket_id=wanted["ticket"])
        return self.listing(rows)


class AcknowledgeRecipient(Resource):
    """A confirmation."""

    needs: ClassVar = {"POST": REVIEW}

    @extend_schema(
        operation_id="recipient_notices_acknowledge", request=None, responses=RecipientNoticeOut
    )
    def post(self, request: Request, notice_id: UUID) -> Response:
        """Record that the recipient confirmed."""
        notice = telling.recipient_acknowledge(actor=self.actor, notice_id=notice_id)
        return Response(RecipientNoticeOut(notice).data)


class ExcuseRecipient(Resource):
    """A reason not to tell."""

    needs: ClassVar = {"POST": REVIEW}

    @extend_schema(
        operation_id="recipient_notices_excuse", request=ExcuseIn, responses=RecipientNoticeOut
    )
    def post(self, request: Request, notice_id: UUID) -> Response:
        """Record why telling the recipient is impossible or disproportionate."""
        notice = telling.recipient_excuse(
            actor=self.actor, notice_id=notice_id, **self.read(ExcuseIn)
        )
        return Response(RecipientNoticeOut(notice).data)
