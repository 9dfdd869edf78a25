"""Requests that came without an account: list, read, make a ticket of, decline."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from expunge.accounts.permissions import Permission
from expunge.api.resource import ListResource, Resource
from expunge.api.v1.tickets import LONGEST_TEXT, SubjectOut
from expunge.jobs.planner import LADDERS
from expunge.subjects.intake import intake_decline, intake_file
from expunge.subjects.intake_payload import payload_open
from expunge.subjects.kinds import DeclineReason, IntakeStanding
from expunge.subjects.models import IntakeRequest
from expunge.subjects.selectors import intake_get, intakes_for
from expunge.tickets.payload import TicketPayload
from expunge.tickets.regimes import regimes

FILE = [{Permission.TICKET_FILE}]
INTAKE_STANDINGS, DECLINE_REASONS = IntakeStanding.values, DeclineReason.values


class IntakeLine(serializers.Serializer[Any]):
    """A request in the queue. ``shown_at``: when its mail address was confirmed by a code."""

    id = serializers.UUIDField(source="pk")
    reference = serializers.CharField()
    standing = serializers.ChoiceField(INTAKE_STANDINGS)
    regime = serializers.CharField()
    received_at = serializers.DateTimeField()
    due_on = serializers.DateField()
    shown_at = serializers.DateTimeField(allow_null=True)
    decided_at = serializers.DateTimeField(allow_null=True)
    reason = serializers.CharField(allow_blank=True)
    ticket = serializers.UUIDField(source="ticket_id", allow_null=True)


class IntakeOut(IntakeLine):
    """A request with what the person wrote, until it is decided."""

    said = SubjectOut(allow_null=True)


class IntakeFilter(serializers.Serializer[Any]):
    """The filter of the queue."""

    standing = serializers.ChoiceField(INTAKE_STANDINGS, required=False)


class IntakeTicketIn(serializers.Serializer[Any]):
    """The ticket that is made of a request; what is left out is as the person wrote it."""

    regime = serializers.ChoiceField(sorted(regimes()))
    ground = serializers.CharField(max_length=40)
    nodes = serializers.ListField(child=serializers.UUIDField(), allow_empty=False, max_length=500)
    subject_name = serializers.CharField(max_length=200, required=False)
    contact = serializers.CharField(max_length=300, required=False)
    profile = serializers.ChoiceField(
        list(LADDERS),
        required=False,
        help_text="What must be shown; as the organisation's policy says when left out.",
    )
    identity_confirmed = serializers.BooleanField(default=False)


class DeclineIn(serializers.Serializer[Any]):
    """Why no ticket is made; ``text`` is what the person is told."""

    reason = serializers.ChoiceField(DECLINE_REASONS)
    text = serializers.CharField(max_length=LONGEST_TEXT)


class Intakes(ListResource[IntakeRequest]):
    """The queue of the token's organisation."""

    needs: ClassVar = {"GET": FILE}
    serializer_class = IntakeLine
    ordering = ("received_at", "id")

    @extend_schema(operation_id="intakes_list", parameters=[IntakeFilter])
    def get(self, request: Request) -> Response:
        """List requests, the oldest first."""
        wanted = self.read_query(IntakeFilter)
        return self.listing(intakes_for(self.actor).filter(**wanted))


class OneIntake(Resource):
    """One request."""

    needs: ClassVar = {"GET": FILE}

    @extend_schema(operation_id="intakes_get", responses=IntakeOut)
    def get(self, request: Request, intake_id: UUID) -> Response:
        """Return a request with what the person wrote."""
        return Response(_in_full(self, intake_id))


class IntakeTicket(Resource):
    """A ticket made of a request."""

    needs: ClassVar = {"POST": FILE}
    subject = OneIntake

    @extend_schema(operation_id="intakes_file", request=IntakeTicketIn, responses={201: IntakeOut})
    def post(self, request: Request, intake_id: UUID) -> Response:
        """Make a ticket by choosing the scope; its clock runs from the request's receipt."""
        given = self.read(IntakeTicketIn)
        said = payload_open(intake_get(self.actor, intake_id))
        name = given.pop("subject_name", said.subject_name if said else "")
        contact = given.pop("contact", said.contact if said else "")
        ticket = intake_file(
            actor=self.actor,
            intake_id=intake_id,
            node_ids=given.pop("nodes"),
            payload=TicketPayload(name, contact, said.note if said else ""),
            **given,
        )
        self.about_ticket = ticket.pk
        return Response(_in_full(self, intake_id), status=201)


class IntakeDecline(Resource):
    """A request of which no ticket is made."""

    needs: ClassVar = {"POST": [{Permission.TICKET_FILE, Permission.TICKET_REVIEW}]}
    subject = OneIntake

    @extend_schema(operation_id="intakes_decline", request=DeclineIn, responses=IntakeOut)
    def post(self, request: Request, intake_id: UUID) -> Response:
        """Decline; the person is told why, and what they wrote is destroyed."""
        intake_decline(actor=self.actor, intake_id=intake_id, **self.read(DeclineIn))
        return Response(_in_full(self, intake_id))


def _in_full(resource: Resource, intake_id: UUID) -> Any:
    intake: Any = intake_get(resource.actor, intake_id)
    intake.said = payload_open(intake)
    return IntakeOut(intake).data
