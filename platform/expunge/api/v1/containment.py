"""Containment: bundles for deployers, and whether a ticket's bundles outlive it."""

from __future__ import annotations

import json
from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from expunge.accounts.permissions import Permission
from expunge.api.resource import ListResource, Resource
from expunge.api.v1.fields import PersonOut
from expunge.containment import selectors
from expunge.containment.keys import public_key
from expunge.containment.models import ChoiceReason, ContainmentBundle
from expunge.containment.services import containment_choose, containment_fetch
from expunge.tickets.selectors import ticket_get

READS = {"GET": [{Permission.CONTAINMENT_READ}]}
NOT_ERASURE = "containment, not erasure"


class BundleFilter(serializers.Serializer[Any]):
    """Which bundles: of one model; published or withdrawn ``since`` (then both kinds come)."""

    model = serializers.UUIDField(required=False, default=None)
    since = serializers.DateTimeField(required=False, default=None)


class BundleLine(serializers.Serializer[Any]):
    """A bundle without its digests. One with ``withdrawn_at`` must no longer be applied."""

    id = serializers.UUIDField(source="pk")
    model = serializers.UUIDField(source="model_version.model_id")
    model_version = serializers.UUIDField(source="model_version_id")
    model_digest = serializers.CharField(source="model_version.digest")
    digest = serializers.CharField()
    effect = serializers.SerializerMethodField()
    notice = serializers.SerializerMethodField()
    complete = serializers.BooleanField()
    published_at = serializers.DateTimeField(source="created_at")
    withdrawn_at = serializers.DateTimeField(allow_null=True)
    reason = serializers.CharField(allow_blank=True)

    def get_effect(self, _: ContainmentBundle) -> str:
        """Return the effect class."""
        return "serve_suppression"

    def get_notice(self, _: ContainmentBundle) -> str:
        """Say what it is not."""
        return NOT_ERASURE


class FetchOut(serializers.Serializer[Any]):
    """Who fetched a bundle last, and when."""

    by = PersonOut(source="user")
    at = serializers.DateTimeField(source="fetched_at")


class TicketBundleOut(BundleLine):
    """A ticket's bundle, with who fetched it."""

    fetches = FetchOut(many=True, source="fetches.all")


class SigningKeyOut(serializers.Serializer[Any]):
    """The Ed25519 public key to pin: 32 raw bytes in base64."""

    key = serializers.CharField()


class ChoiceIn(serializers.Serializer[Any]):
    """Whether containment outlives a ticket that could not be verified, and why."""

    keep = serializers.BooleanField()
    reason = serializers.ChoiceField(ChoiceReason.values)


class Bundles(ListResource[ContainmentBundle]):
    """The bundles for the models of the token's organisation."""

    needs: ClassVar = READS
    serializer_class = BundleLine

    @extend_schema(operation_id="containment_list", parameters=[BundleFilter])
    def get(self, request: Request) -> Response:
        """List active bundles; poll it with ``If-None-Match``."""
        given = self.read_query(BundleFilter)
        found = selectors.bundles_readable(
            self.actor, since=given["since"], model_id=given["model"]
        )
        return self.listing(found)


class OneBundle(Resource):
    """One bundle."""

    needs: ClassVar = READS

    @extend_schema(operation_id="containment_get", responses=OpenApiTypes.OBJECT)
    def get(self, request: Request, bundle_id: UUID) -> Response:
        """Return the signed bundle; a withdrawn one is a conflict."""
        bundle = selectors.bundle_get(self.actor, bundle_id)
        return Response(json.loads(containment_fetch(actor=self.actor, bundle=bundle)))


class SigningKey(Resource):
    """The key that signs bundles."""

    needs: ClassVar = READS

    @extend_schema(operation_id="containment_key", responses=SigningKeyOut)
    def get(self, request: Request) -> Response:
        """Return the public key; compare it with what the platform's operator told you."""
        return Response(SigningKeyOut({"key": public_key()}).data)


class TicketContainment(Resource):
    """A ticket's bundles."""

    needs: ClassVar = {
        "GET": [{Permission.TICKET_VIEW}],
        "POST": [{Permission.TICKET_VIEW, Permission.TICKET_REVIEW}],
    }

    @extend_schema(
        operation_id="ticket_containment_list", responses={200: TicketBundleOut(many=True)}
    )
    def get(self, request: Request, ticket_id: UUID) -> Response:
        """List a ticket's bundles, active ones first."""
        return Response(TicketBundleOut(self._bundles(ticket_id), many=True).data)

    @extend_schema(
        operation_id="ticket_containment_choose",
        request=ChoiceIn,
        responses={200: TicketBundleOut(many=True)},
    )
    def post(self, request: Request, ticket_id: UUID) -> Response:
        """Choose whether containment outlives a ticket that could not be verified."""
        containment_choose(actor=self.actor, ticket_id=ticket_id, **self.read(ChoiceIn))
        return Response(TicketBundleOut(self._bundles(ticket_id), many=True).data)

    def _bundles(self, ticket_id: UUID) -> tuple[ContainmentBundle, ...]:
        return selectors.bundles_of(self.actor, ticket_get(self.actor, ticket_id))
