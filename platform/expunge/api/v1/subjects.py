"""The person of a ticket: identity, duplicates, secret links."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from expunge.accounts.permissions import Permission
from expunge.api.resource import Resource
from expunge.api.v1.tickets import STATES
from expunge.subjects import identity
from expunge.subjects.duplicates import duplicate_merge, lookalikes_of
from expunge.subjects.kinds import Evidence, IndexKind, Level, Method, Standing
from expunge.subjects.links import status_link_make, status_links_revoke
from expunge.subjects.selectors import identity_of
from expunge.tickets.selectors import ticket_get

REVIEW = [{Permission.TICKET_VIEW, Permission.TICKET_REVIEW}]
LEVELS, METHODS = Level.values, Method.values
STANDINGS, EVIDENCE = Standing.values, Evidence.values


class CheckOut(serializers.Serializer[Any]):
    """An identity check. ``reference`` is empty when destroyed or not for this reader."""

    at = serializers.DateTimeField()
    method = serializers.ChoiceField(METHODS)
    level = serializers.ChoiceField(LEVELS)
    standing = serializers.ChoiceField(STANDINGS)
    evidence = serializers.ChoiceField(EVIDENCE, allow_blank=True)
    expires_at = serializers.DateTimeField(allow_null=True)
    tries = serializers.IntegerField()
    by = serializers.CharField(allow_blank=True)
    reference = serializers.CharField(allow_blank=True)


class IdentityOut(serializers.Serializer[Any]):
    """How a ticket's person showed who they are.

    ``awaited``: the caller may act on it now; ``by_mail``: a code can be mailed. Levels are
    those of Regulation (EU) 910/2014 Art. 8(2).
    """

    awaited = serializers.BooleanField()
    by_mail = serializers.BooleanField()
    checks = CheckOut(many=True)


class EvidenceIn(serializers.Serializer[Any]):
    """What a person saw, and where; never a copy of a document."""

    evidence = serializers.ChoiceField(EVIDENCE)
    level = serializers.ChoiceField(LEVELS)
    seen = serializers.CharField(max_length=identity.LONGEST_REFERENCE)


class AttestationIn(serializers.Serializer[Any]):
    """What an agent attests."""

    level = serializers.ChoiceField(LEVELS)
    reference = serializers.CharField(max_length=identity.LONGEST_REFERENCE)


class CodeIn(serializers.Serializer[Any]):
    """A code of a letter."""

    code = serializers.CharField(max_length=40)


class DuplicateOut(serializers.Serializer[Any]):
    """A ticket that may be about the same person.

    ``refusal`` is the code of why this ticket cannot be withdrawn in favour of it, or empty.
    """

    ticket = serializers.UUIDField(source="ticket.pk")
    reference = serializers.CharField(source="ticket.reference")
    state = serializers.ChoiceField(STATES, source="ticket.state")
    same = serializers.ListField(child=serializers.ChoiceField(IndexKind.values))
    overlaps = serializers.BooleanField()
    refusal = serializers.SerializerMethodField()

    def get_refusal(self, item: Any) -> str:
        """Return the code of the refusal."""
        return item.refusal.code if item.refusal else ""


class DuplicatesOut(serializers.Serializer[Any]):
    """The possible duplicates of a ticket."""

    duplicates = DuplicateOut(many=True)


class MergeIn(serializers.Serializer[Any]):
    """In favour of which ticket this one is withdrawn."""

    survivor = serializers.UUIDField()


class LinkOut(serializers.Serializer[Any]):
    """A secret link, shown once."""

    address = serializers.CharField()


class RevokedOut(serializers.Serializer[Any]):
    """How many links were revoked."""

    revoked = serializers.IntegerField()


class TicketIdentity(Resource):
    """The identity checks of a ticket."""

    needs: ClassVar = {"GET": [{Permission.TICKET_VIEW}]}

    @extend_schema(operation_id="identity_get", responses=IdentityOut)
    def get(self, request: Request, ticket_id: UUID) -> Response:
        """Return how the person showed who they are, and what can be done about it."""
        return Response(_identity(self, ticket_id))


class IdentityCode(Resource):
    """A code by mail."""

    needs: ClassVar = {"POST": REVIEW}
    subject = TicketIdentity

    @extend_schema(operation_id="identity_code_send", request=None, responses=IdentityOut)
    def post(self, request: Request, ticket_id: UUID) -> Response:
        """Mail the person a fresh code; an earlier one stops being good."""
        identity.identity_code_send(actor=self.actor, ticket_id=ticket_id)
        return Response(_identity(self, ticket_id))


class IdentityCodeEntry(Resource):
    """A code that came back."""

    needs: ClassVar = {"POST": REVIEW}

    @extend_schema(operation_id="identity_code_enter", request=CodeIn, responses=IdentityOut)
    def post(self, request: Request, ticket_id: UUID) -> Response:
        """Try a code; a wrong one is counted."""
        identity.identity_code_enter(actor=self.actor, ticket_id=ticket_id, **self.read(CodeIn))
        return Response(_identity(self, ticket_id))


class IdentityEvidence(Resource):
    """Evidence that a person saw."""

    needs: ClassVar = {"POST": REVIEW}
    subject = TicketIdentity

    @extend_schema(operation_id="identity_evidence", request=EvidenceIn, responses=IdentityOut)
    def post(self, request: Request, ticket_id: UUID) -> Response:
        """Record kind, level and place of the evidence; the ticket goes to review."""
        given = self.read(EvidenceIn)
        identity.identity_evidence_record(actor=self.actor, ticket_id=ticket_id, **given)
        return Response(_identity(self, ticket_id))


class IdentityAttestation(Resource):
    """An agent's word."""

    needs: ClassVar = {"POST": REVIEW}
    subject = TicketIdentity

    @extend_schema(operation_id="identity_attest", request=AttestationIn, responses=IdentityOut)
    def post(self, request: Request, ticket_id: UUID) -> Response:
        """Record that an agent attests who the person is; the ticket goes to review."""
        given = self.read(AttestationIn)
        identity.identity_attest(actor=self.actor, ticket_id=ticket_id, **given)
        return Response(_identity(self, ticket_id))


class TicketDuplicates(Resource):
    """Tickets that may be about the same person."""

    needs: ClassVar = {"GET": [{Permission.TICKET_VIEW}], "POST": REVIEW}

    @extend_schema(operation_id="duplicates_list", responses=DuplicatesOut)
    def get(self, request: Request, ticket_id: UUID) -> Response:
        """Return the possible duplicates, for reviewers; others see none."""
        ticket = ticket_get(self.actor, ticket_id)
        found = {"duplicates": lookalikes_of(self.actor, ticket)}
        return Response(DuplicatesOut(found).data)

    @extend_schema(operation_id="duplicates_merge", request=MergeIn, responses=DuplicatesOut)
    def post(self, request: Request, ticket_id: UUID) -> Response:
        """Withdraw this ticket in favour of another one, whose identity is shown."""
        given = self.read(MergeIn)
        duplicate_merge(actor=self.actor, ticket_id=ticket_id, survivor_id=given["survivor"])
        return self.get(request, ticket_id)


class StatusLinks(Resource):
    """Secret links to a ticket's status page."""

    needs: ClassVar = {"POST": REVIEW, "DELETE": REVIEW}

    @extend_schema(operation_id="status_links_make", request=None, responses={201: LinkOut})
    def post(self, request: Request, ticket_id: UUID) -> Response:
        """Make a link; its address is shown only now."""
        address = status_link_make(actor=self.actor, ticket_id=ticket_id)
        return Response(LinkOut({"address": address}).data, status=201)

    @extend_schema(operation_id="status_links_revoke", responses={200: RevokedOut})
    def delete(self, request: Request, ticket_id: UUID) -> Response:
        """Revoke every link to the ticket."""
        number = status_links_revoke(actor=self.actor, ticket_id=ticket_id)
        return Response(RevokedOut({"revoked": number}).data)


def _identity(resource: Resource, ticket_id: UUID) -> Any:
    ticket = ticket_get(resource.actor, ticket_id)
    return IdentityOut(identity_of(resource.actor, ticket)).data
