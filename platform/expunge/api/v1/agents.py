"""The directory of the Data Rights Protocol: agents that are heard, the organisation's own id."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from expunge.accounts.permissions import Permission
from expunge.api.resource import ListResource, Resource
from expunge.protocols.drp import agents
from expunge.protocols.models import Agent

ADMINISTER = [{Permission.ADMINISTER}]


class AgentOut(serializers.Serializer[Any]):
    """An agent; its bearer token is given to itself alone."""

    id = serializers.UUIDField(source="pk")
    agent_id = serializers.CharField()
    name = serializers.CharField()
    verify_key = serializers.CharField()
    attests = serializers.BooleanField()
    enabled = serializers.BooleanField()
    token_issued_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()


class AgentIn(serializers.Serializer[Any]):
    """An entry of the service directory. ``attests``: its word on identities counts."""

    agent_id = serializers.CharField(max_length=100)
    name = serializers.CharField(max_length=200)
    verify_key = serializers.CharField(max_length=60)
    attests = serializers.BooleanField(default=False)


class BusinessData(serializers.Serializer[Any]):
    """The id under which the directory lists the organisation; empty without one."""

    business_id = serializers.CharField(max_length=100)


class Agents(ListResource[Agent]):
    """The agents of the Data Rights Protocol that the organisation hears."""

    serializer_class = AgentOut
    needs: ClassVar = {"GET": ADMINISTER, "POST": ADMINISTER}

    @extend_schema(operation_id="agents_list")
    def get(self, request: Request) -> Response:
        """List agents."""
        return self.listing(agents.agents_visible(self.actor))

    @extend_schema(operation_id="agents_add", request=AgentIn, responses={201: AgentOut})
    def post(self, request: Request) -> Response:
        """Hear an agent from now on; a known one gets the new key, and its token ends."""
        agent = agents.agent_add(
            actor=self.actor, controller_id=self.controller_id, **self.read(AgentIn)
        )
        return Response(AgentOut(agent).data, status=201)


class OneAgent(Resource):
    """One agent."""

    needs: ClassVar = {"DELETE": ADMINISTER}

    @extend_schema(operation_id="agents_remove", responses={204: None})
    def delete(self, request: Request, agent_id: UUID) -> Response:
        """Hear an agent no longer."""
        agents.agent_remove(actor=self.actor, agent_pk=agent_id)
        return Response(status=204)


class BusinessName(Resource):
    """The organisation's id in the directory."""

    needs: ClassVar = {"GET": ADMINISTER, "PUT": ADMINISTER}

    @extend_schema(operation_id="business_get", responses=BusinessData)
    def get(self, request: Request) -> Response:
        """Return the id."""
        self.actor.require(Permission.ADMINISTER, self.controller_id)
        named = agents.business_of(self.actor, self.controller_id)
        return Response({"business_id": named.business_id if named else ""})

    @extend_schema(operation_id="business_set", request=BusinessData, responses=BusinessData)
    def put(self, request: Request) -> Response:
        """Set the id."""
        named = agents.business_name(
            actor=self.actor, controller_id=self.controller_id, **self.read(BusinessData)
        )
        return Response({"business_id": named.business_id})
