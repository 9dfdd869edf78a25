"""Exemptions: what of a ticket's scope is kept, why, and until when without another look."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from expunge.accounts.permissions import Permission
from expunge.api.resource import ListResource, Resource
from expunge.api.v1.fields import PersonOut
from expunge.tickets import exemptions, selectors
from expunge.tickets.models import Exemption
from expunge.tickets.regimes import regimes

LONGEST_TEXT = 4000
REVIEWS = {"POST": [{Permission.TICKET_VIEW, Permission.TICKET_REVIEW}]}
READS = {"GET": [{Permission.TICKET_VIEW}]}
CODES = sorted({item.code for regime in regimes().values() for item in regime.exemptions})


class ExemptionOut(serializers.Serializer[Any]):
    """An exemption: of a ``node`` with all below it, or of all of the scope in a ``dataset``.

    ``text`` is empty when it was destroyed with the ticket's key or is not for the caller.
    """

    id = serializers.UUIDField(source="pk")
    ticket = serializers.UUIDField(source="ticket_id")
    node = serializers.UUIDField(source="node_id", allow_null=True)
    dataset = serializers.UUIDField(source="dataset_id", allow_null=True)
    code = serializers.CharField()
    citation = serializers.CharField()
    text = serializers.SerializerMethodField()
    review_on = serializers.DateField()
    placed_at = serializers.DateTimeField(source="created_at")
    placed_by = PersonOut()
    released_at = serializers.DateTimeField(allow_null=True)

    def get_text(self, exemption: Exemption) -> str:
        """Return why it applies, if the caller may read it."""
        return exemptions.exemption_text(self.context["actor"], exemption)


class ExemptionIn(serializers.Serializer[Any]):
    """A new exemption; give either ``node`` or ``dataset``."""

    code = serializers.ChoiceField(CODES)
    text = serializers.CharField(max_length=LONGEST_TEXT)
    review_on = serializers.DateField()
    node = serializers.UUIDField(required=False, allow_null=True, default=None)
    dataset = serializers.UUIDField(required=False, allow_null=True, default=None)


class ExemptionReviewIn(serializers.Serializer[Any]):
    """When to look at an exemption again."""

    review_on = serializers.DateField()


class ExemptionFilter(serializers.Serializer[Any]):
    """The filter of the list: exemptions to be looked at again by this day."""

    due_before = serializers.DateField(required=False)


class Exemptions(ListResource[Exemption]):
    """The exemptions in force in the token's organisation."""

    serializer_class = ExemptionOut
    needs: ClassVar = READS

    def get_serializer_context(self) -> dict[str, Any]:
        """Tell the serializer who reads."""
        return {**super().get_serializer_context(), "actor": self.actor}

    @extend_schema(operation_id="exemptions_list", parameters=[ExemptionFilter])
    def get(self, request: Request) -> Response:
        """List exemptions in force, the latest first."""
        due = self.read_query(ExemptionFilter).get("due_before")
        return self.listing(exemptions.exemptions_visible(self.actor, due_before=due))


class TicketExemptions(Resource):
    """The exemptions of one ticket."""

    needs: ClassVar = {**READS, **REVIEWS}

    @extend_schema(operation_id="ticket_exemptions_list", responses=ExemptionOut(many=True))
    def get(self, request: Request, ticket_id: UUID) -> Response:
        """List the exemptions in force."""
        found = exemptions.exemptions_of(selectors.ticket_get(self.actor, ticket_id))
        return Response(ExemptionOut(found, many=True, context={"actor": self.actor}).data)

    @extend_schema(
        operation_id="exemptions_place", request=ExemptionIn, responses={201: ExemptionOut}
    )
    def post(self, request: Request, ticket_id: UUID) -> Response:
        """Keep a part of the scope, for now; possible during the review."""
        given = self.read(ExemptionIn)
        exemption = exemptions.exemption_place(
            actor=self.actor,
            ticket_id=ticket_id,
            node_id=given.pop("node"),
            dataset_id=given.pop("dataset"),
            **given,
        )
        return Response(ExemptionOut(exemption, context={"actor": self.actor}).data, status=201)


class OneExemption(Resource):
    """One exemption."""

    needs: ClassVar = READS

    @extend_schema(operation_id="exemptions_get", responses=ExemptionOut)
    def get(self, request: Request, exemption_id: UUID) -> Response:
        """Return an exemption."""
        exemption = exemptions.exemption_get(self.actor, exemption_id)
        return Response(ExemptionOut(exemption, context={"actor": self.actor}).data)


class ReleaseExemption(Resource):
    """Releasing."""

    subject = OneExemption
    needs: ClassVar = REVIEWS

    @extend_schema(operation_id="exemptions_release", request=None, responses=ExemptionOut)
    def post(self, request: Request, exemption_id: UUID) -> Response:
        """End an exemption: during the review, or after the ticket has ended."""
        exemption = exemptions.exemption_release(actor=self.actor, exemption_id=exemption_id)
        return Response(ExemptionOut(exemption, context={"actor": self.actor}).data)


class ReviewExemption(Resource):
    """Looking again."""

    subject = OneExemption
    needs: ClassVar = REVIEWS

    @extend_schema(
        operation_id="exemptions_review", request=ExemptionReviewIn, responses=ExemptionOut
    )
    def post(self, request: Request, exemption_id: UUID) -> Response:
        """Confirm that an exemption still applies, and say when to look again."""
        exemption = exemptions.exemption_review(
            actor=self.actor, exemption_id=exemption_id, **self.read(ExemptionReviewIn)
        )
        return Response(ExemptionOut(exemption, context={"actor": self.actor}).data)
