"""Legal holds: list, place, get, release."""

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
from expunge.tickets import holds
from expunge.tickets.models import HoldKind, LegalHold
from expunge.tickets.reasons import HoldReason, ReleaseReason

LONGEST_TEXT = 4000
HOLD_KINDS, HOLD_REASONS = HoldKind.values, HoldReason.values
RELEASE_REASONS = ReleaseReason.values
PLACES = {"POST": [{Permission.TICKET_VIEW, Permission.TICKET_REVIEW}]}
READS = {"GET": [{Permission.TICKET_VIEW}]}


class HoldFilter(serializers.Serializer[Any]):
    """The filter of the list."""

    active = serializers.BooleanField(required=False, allow_null=True, default=None)


class HoldOut(serializers.Serializer[Any]):
    """A legal hold. ``authority`` is empty for those who neither review nor approve."""

    id = serializers.UUIDField(source="pk")
    kind = serializers.ChoiceField(HOLD_KINDS)
    target = serializers.UUIDField(source="target_id")
    reason = serializers.ChoiceField(HOLD_REASONS)
    authority = serializers.SerializerMethodField()
    placed_at = serializers.DateTimeField(source="created_at")
    placed_by = PersonOut(allow_null=True)
    released_at = serializers.DateTimeField(allow_null=True)
    released_by = PersonOut(allow_null=True)
    release_reason = serializers.CharField(allow_blank=True)

    def get_authority(self, hold: LegalHold) -> str:
        """Return authority and matter, if the caller may read them."""
        return hold.authority if holds.may_read_authority(self.context["actor"], hold) else ""


class HoldIn(serializers.Serializer[Any]):
    """A new hold: over a node of a scope tree, a dataset, a model or a ticket."""

    kind = serializers.ChoiceField(HOLD_KINDS)
    target = serializers.UUIDField()
    reason = serializers.ChoiceField(HOLD_REASONS)
    authority = serializers.CharField(max_length=LONGEST_TEXT)


class HoldReleaseIn(serializers.Serializer[Any]):
    """Why a hold ends."""

    reason = serializers.ChoiceField(RELEASE_REASONS)
    text = serializers.CharField(max_length=LONGEST_TEXT)


class Holds(ListResource[LegalHold]):
    """The legal holds of the token's organisation."""

    serializer_class = HoldOut
    needs: ClassVar = {**READS, **PLACES}

    def get_serializer_context(self) -> dict[str, Any]:
        """Tell the serializer who reads."""
        return {**super().get_serializer_context(), "actor": self.actor}

    @extend_schema(operation_id="holds_list", parameters=[HoldFilter])
    def get(self, request: Request) -> Response:
        """List legal holds, the latest first."""
        wanted = self.read_query(HoldFilter)
        return self.listing(holds.holds_visible(self.actor, active=wanted["active"]))

    @extend_schema(operation_id="holds_place", request=HoldIn, responses={201: HoldOut})
    def post(self, request: Request) -> Response:
        """Place a legal hold; every ticket it covers stops."""
        given = self.read(HoldIn)
        hold = holds.hold_place(
            actor=self.actor,
            controller_id=self.controller_id,
            target_id=given.pop("target"),
            **given,
        )
        return Response(HoldOut(hold, context={"actor": self.actor}).data, status=201)


class OneHold(Resource):
    """One legal hold."""

    needs: ClassVar = READS

    @extend_schema(operation_id="holds_get", responses=HoldOut)
    def get(self, request: Request, hold_id: UUID) -> Response:
        """Return a legal hold."""
        hold = holds.hold_get(self.actor, hold_id)
        return Response(HoldOut(hold, context={"actor": self.actor}).data)


class ReleaseHold(Resource):
    """Releasing."""

    subject = OneHold
    needs: ClassVar = PLACES

    @extend_schema(operation_id="holds_release", request=HoldReleaseIn, responses=HoldOut)
    def post(self, request: Request, hold_id: UUID) -> Response:
        """Release a legal hold; tickets that no other hold covers resume by themselves."""
        hold = holds.hold_release(actor=self.actor, hold_id=hold_id, **self.read(HoldReleaseIn))
        return Response(HoldOut(hold, context={"actor": self.actor}).data)
