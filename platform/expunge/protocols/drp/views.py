"""The addresses of the covered business: pair-wise keys, exercise, status, revocation."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response

from contract.canonical import digest_bytes
from expunge.common.clock import now
from expunge.common.errors import DomainError, NotAllowedError
from expunge.protocols.drp import claims
from expunge.protocols.drp.agents import agent_of_token, agent_token_issue, agents_named
from expunge.protocols.drp.message import Message, MessageError, check_envelope, opened
from expunge.protocols.drp.status import status
from expunge.protocols.endpoint import Endpoint, bearer, plain
from expunge.protocols.entrance import request_enter, request_withdraw
from expunge.protocols.models import Agent, Business, Protocol, ProtocolRequest


class DrpView(Endpoint):
    """An address for agents; errors say what is wrong and nothing of the person."""

    @property
    def agent(self) -> Agent:
        """Return the agent of the bearer token; raises 403."""
        found = agent_of_token(bearer(self.request))
        if found is None:
            raise MessageError("token", "Ask for a token first: POST /v1/agent/{id}.", 403)
        return found

    def message(self, agent: Agent) -> Message:
        """Return the agent's signed message; raises :class:`MessageError`."""
        return opened(plain(self.request).body, [agent])

    def handle_exception(self, exc: Exception) -> Response:
        """Answer an error as JSON with a code."""
        if isinstance(exc, MessageError):
            return _refusal(exc.status, exc.code, exc.message)
        if isinstance(exc, DomainError):
            return _refusal(int(exc.status), exc.code, exc.message)
        if isinstance(exc, exceptions.ValidationError):
            fields = exc.detail if isinstance(exc.detail, dict) else {}
            names = ", ".join(sorted(map(str, fields))) or "the message"
            return _refusal(400, "claims", f"Check {names}.", problems=exc.detail)
        return super().handle_exception(exc)


class AgentView(DrpView):
    """Where an agent gets its token, and sees whether it is still good."""

    def post(self, request: Request, agent_id: str) -> HttpResponseBase:
        """Give a token for a signed message (section 2.05); an empty 403 for any other."""
        try:
            message = opened(plain(request).body, agents_named(agent_id))
            business = Business.objects.filter(controller=message.agent.controller_id).first()
            check_envelope(message, business)
        except MessageError:
            return HttpResponse(status=HTTPStatus.FORBIDDEN)
        token = agent_token_issue(agent=message.agent)
        return Response({"agent-id": agent_id, "token": token})

    def get(self, request: Request, agent_id: str) -> HttpResponseBase:
        """Say that the token is good (section 2.06)."""
        if self.agent.agent_id != agent_id:
            raise MessageError("agent", "The token is another agent's.", 403)
        return Response({})


class Exercise(DrpView):
    """Where an agent exercises a person's right (section 2.01)."""

    def post(self, request: Request) -> Response:
        """Take a request in; the same message again returns the same request."""
        agent = self.agent
        message = self.message(agent)
        check_envelope(message, Business.objects.filter(controller=agent.controller_id).first())
        given = claims.read(message.content)
        external_id = str(message.content.get("agent-request-id") or "")[:100]
        vouched = agent.attests and claims.is_proven(given)
        entered = request_enter(
            controller_id=agent.controller_id,
            protocol=Protocol.DRP,
            external_id=external_id,
            digest=digest_bytes(message.raw),
            regime=given["regime"],
            payload=claims.payload_of(given),
            received_at=now(),
            callbacks=[given["status_callback"]] if given["status_callback"] else [],
            agent=agent,
            attested=f"DRP {agent.agent_id} {external_id}".strip() if vouched else "",
        )
        return Response(status(entered))


class OneExercise(DrpView):
    """One request of an agent."""

    def get(self, request: Request, request_id: UUID) -> Response:
        """Say where it stands (section 2.02)."""
        return Response(status(self._found(self.agent, request_id)))

    def delete(self, request: Request, request_id: UUID) -> Response:
        """Take it back by a signed message with a reason (section 2.04)."""
        agent = self.agent
        note: Any = self.message(agent).content.get("reason") or ""
        found = self._found(agent, request_id)
        request_withdraw(request=found, note=str(note)[:1000])
        found.refresh_from_db()
        return Response(status(found))

    def _found(self, agent: Agent, request_id: UUID) -> ProtocolRequest:
        found = (
            ProtocolRequest.objects.select_related("intake__ticket", "controller")
            .filter(pk=request_id, agent=agent)
            .first()
        )
        if found is None:
            raise NotAllowedError("request_of_another", "This is no request of yours.")
        return found


def _refusal(status_code: int, code: str, message: str, **more: Any) -> Response:
    return Response({"code": code, "message": message, "fatal": True, **more}, status=status_code)
