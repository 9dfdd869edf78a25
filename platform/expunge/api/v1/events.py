"""Watching a ticket: by long poll, or as a stream of server-sent events."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, ClassVar
from uuid import UUID

from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from expunge.accounts.permissions import Permission
from expunge.api.events import news_awaited, stream
from expunge.api.formats import EventStream
from expunge.api.resource import Resource
from expunge.api.v1.jobs import AttemptLine
from expunge.tickets.selectors import ticket_get

WAIT_MOST = 25


class EventsQuery(serializers.Serializer[Any]):
    """From where to go on, and how long to wait for news."""

    after = serializers.IntegerField(
        min_value=-1, max_value=2**62, default=-1, help_text="`after` of the answer before."
    )
    mark = serializers.RegexField(
        "^[0-9a-f]{16}$", required=False, help_text="`mark` of the answer before."
    )
    wait = serializers.IntegerField(
        min_value=0, max_value=WAIT_MOST, default=0, help_text="Seconds to wait for news."
    )


class EventOut(serializers.Serializer[Any]):
    """One thing that happened: the entry of the audit log, its kind, and its codes."""

    seq = serializers.IntegerField()
    at = serializers.DateTimeField()
    kind = serializers.CharField()
    job = serializers.UUIDField(required=False)
    attempt = serializers.UUIDField(required=False)
    data = serializers.DictField()  # type: ignore[assignment]


class NewsOut(serializers.Serializer[Any]):
    """What happened, how far the attempts are, and from where to go on."""

    events = EventOut(many=True)
    attempts = AttemptLine(many=True)
    after = serializers.IntegerField()
    mark = serializers.CharField()


class TicketEvents(Resource):
    """What happens to a ticket."""

    renderer_classes = (JSONRenderer, EventStream)
    needs: ClassVar = {"GET": [{Permission.TICKET_VIEW}]}

    @extend_schema(
        operation_id="tickets_events",
        parameters=[
            EventsQuery,
            OpenApiParameter(
                "Last-Event-ID",
                {"type": "string"},
                OpenApiParameter.HEADER,
                description="For a stream: the id of the last event that arrived.",
            ),
        ],
        responses={
            (200, "application/json"): NewsOut,
            (200, "text/event-stream"): OpenApiTypes.ANY,
        },
    )
    def get(self, request: Request, ticket_id: UUID) -> HttpResponseBase:
        """Return what happened after an entry, or wait for it.

        With `Accept: text/event-stream` the answer is a stream of server-sent events of at most
        a minute; the client comes back with `Last-Event-ID`.
        """
        ticket_get(self.actor, ticket_id)
        wanted = self.read_query(EventsQuery)
        renderer = getattr(request, "accepted_renderer", None)
        if isinstance(renderer, EventStream):
            last = request.headers.get("Last-Event-ID", "")
            after = int(last[:18]) if last.isascii() and last.isdigit() else wanted["after"]
            frames = stream(self.actor, ticket_id, after)
            answer = StreamingHttpResponse(frames, content_type="text/event-stream")
            answer["X-Accel-Buffering"] = "no"  # a proxy must pass on each event at once
            return answer
        found = news_awaited(
            self.actor, ticket_id, wanted["after"], wanted.get("mark", ""), wanted["wait"]
        )
        return Response(asdict(found))
