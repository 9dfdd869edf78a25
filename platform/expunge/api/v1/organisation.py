"""The organisation of the token: where it is established, and what it chose."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from expunge.accounts import policies, selectors
from expunge.accounts.models import ControllerPolicy, Role
from expunge.accounts.permissions import Permission, controller_for
from expunge.api.resource import ListResource, Resource

ADMINISTER = [{Permission.ADMINISTER}]
SETTINGS = ("name", "country", "subdivision", "time_zone")


class OrganisationOut(serializers.Serializer[Any]):
    """An organisation; country and part of it pick the calendar of public holidays."""

    id = serializers.UUIDField(source="pk")
    name = serializers.CharField()
    country = serializers.CharField()
    subdivision = serializers.CharField(allow_blank=True)
    time_zone = serializers.CharField()


class OrganisationIn(serializers.Serializer[Any]):
    """What changes of an organisation; what is not named stays."""

    name = serializers.CharField(max_length=200, required=False)
    country = serializers.CharField(max_length=2, required=False)
    subdivision = serializers.CharField(max_length=10, required=False, allow_blank=True)
    time_zone = serializers.CharField(max_length=64, required=False)


class PolicyIn(serializers.Serializer[Any]):
    """What an organisation chooses; what is not named stays."""

    profile = serializers.CharField(max_length=40, required=False)
    ladder = serializers.ListField(
        child=serializers.CharField(max_length=60), required=False, max_length=50
    )
    batch_window_minutes = serializers.IntegerField(required=False)
    identity_expiry_days = serializers.IntegerField(required=False)
    retention_months = serializers.IntegerField(required=False)
    second_factor_roles = serializers.ListField(
        child=serializers.ChoiceField(list(Role.values)), required=False, max_length=10
    )
    public_intake = serializers.BooleanField(required=False)


class PolicyOut(PolicyIn):
    """A policy; a change makes the next number, 0 are the defaults."""

    number = serializers.IntegerField()
    created_at = serializers.DateTimeField(allow_null=True)


class Organisation(Resource):
    """The organisation of the token."""

    needs: ClassVar = {"GET": ADMINISTER, "PATCH": ADMINISTER}

    @extend_schema(operation_id="organisation_get", responses=OrganisationOut)
    def get(self, request: Request) -> Response:
        """Return the settings of the organisation."""
        found = controller_for(self.actor, Permission.ADMINISTER, self.controller_id)
        return Response(OrganisationOut(found).data)

    @extend_schema(
        operation_id="organisation_change", request=OrganisationIn, responses=OrganisationOut
    )
    def patch(self, request: Request) -> Response:
        """Change the settings of the organisation; deadlines that are stored stay as they are."""
        held = controller_for(self.actor, Permission.ADMINISTER, self.controller_id)
        before = {name: getattr(held, name) for name in SETTINGS}
        changed = policies.controller_change(
            actor=self.actor,
            controller_id=self.controller_id,
            **{**before, **self.read(OrganisationIn)},
        )
        return Response(OrganisationOut(changed).data)


class Policy(Resource):
    """The policy in force."""

    needs: ClassVar = {"GET": ADMINISTER, "PATCH": ADMINISTER}

    @extend_schema(operation_id="policy_get", responses=PolicyOut)
    def get(self, request: Request) -> Response:
        """Return the policy in force."""
        self.actor.require(Permission.ADMINISTER, self.controller_id)
        return Response(PolicyOut(selectors.policy_of(self.controller_id)).data)

    @extend_schema(operation_id="policy_change", request=PolicyIn, responses=PolicyOut)
    def patch(self, request: Request) -> Response:
        """Choose anew; choosing what holds already changes nothing."""
        policy = policies.policy_change(
            actor=self.actor, controller_id=self.controller_id, **self.read(PolicyIn)
        )
        return Response(PolicyOut(policy).data)


class Policies(ListResource[ControllerPolicy]):
    """Every policy the organisation ever had."""

    serializer_class = PolicyOut
    ordering = ("-number",)
    needs: ClassVar = {"GET": ADMINISTER}

    @extend_schema(operation_id="policies_list")
    def get(self, request: Request) -> Response:
        """List the policies, newest first."""
        self.actor.require(Permission.ADMINISTER, self.controller_id)
        return self.listing(selectors.policy_history(self.actor, self.controller_id))
