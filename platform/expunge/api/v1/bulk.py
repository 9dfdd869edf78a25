"""Many tickets at once: one task for all of them, and the list as a file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from expunge.accounts.permissions import Actor, Permission
from expunge.api.export import csv_lines, json_lines
from expunge.api.filters import tickets_filtered
from expunge.api.formats import CsvLines, JsonLines
from expunge.api.idempotency import Stored
from expunge.api.resource import Resource
from expunge.api.v1 import examples
from expunge.api.v1.tickets import LONGEST_TEXT, STATES, TicketFilter, TicketSearch
from expunge.common.errors import DomainError, InvalidInputError
from expunge.tickets.models import Ticket
from expunge.tickets.rules import RULES, Task
from expunge.tickets.tasks import task_run

MOST = 500
TASKS = [str(task) for task in Task]


class BulkIn(serializers.Serializer[Any]):
    """A task, and the tickets to do it with: by ids, or by a filter that is not empty."""

    task = serializers.ChoiceField(TASKS)
    reason = serializers.CharField(max_length=60, default="", allow_blank=True)
    text = serializers.CharField(max_length=LONGEST_TEXT, default="", allow_blank=True)
    ids = serializers.ListField(
        child=serializers.UUIDField(), required=False, allow_empty=False, max_length=MOST
    )
    filter = TicketSearch(required=False)


class BulkResult(serializers.Serializer[Any]):
    """What became of one ticket: its new state, or the code and sentence of a problem."""

    ticket = serializers.UUIDField()
    done = serializers.BooleanField()
    state = serializers.ChoiceField(STATES, required=False)
    code = serializers.CharField(required=False)
    detail = serializers.CharField(required=False)


class BulkOut(serializers.Serializer[Any]):
    """The results in the order of the tickets; ``remaining`` more met the filter."""

    results = BulkResult(many=True)
    done = serializers.IntegerField()
    refused = serializers.IntegerField()
    remaining = serializers.IntegerField()


def filter_or_ids(given: dict[str, Any]) -> dict[str, Any]:
    """Return the filters that are given; raises ``tickets_missing`` unless one way names them."""
    wanted = {
        name: value
        for name, value in given.get("filter", {}).items()
        if value is not None and value != set()
    }
    if ("ids" in given) == bool(wanted):
        raise InvalidInputError(
            "tickets_missing", "Name the tickets by 'ids' or by a 'filter', not both."
        )
    return wanted


def tickets_named(actor: Actor, given: dict[str, Any]) -> QuerySet[Ticket]:
    """Return the tickets that a body names, as far as the caller sees them, oldest first."""
    wanted = filter_or_ids(given)
    found = tickets_filtered(actor, wanted)
    if "ids" in given:
        found = found.filter(pk__in=given["ids"])
    return found.order_by("received_at", "pk")


class BulkTickets(Resource):
    """One task for many tickets.

    Each ticket has a transaction and an idempotency key of its own, made from the request's: a
    request that is sent again does what was not done and repeats what was.
    """

    keyed_whole = False
    needs: ClassVar = {
        "POST": [
            {Permission.TICKET_VIEW, right}
            for right in dict.fromkeys(
                right for rule in RULES.values() for right in rule.permission.values()
            )
        ]
    }

    @extend_schema(
        operation_id="tickets_bulk",
        request=BulkIn,
        responses={200: BulkOut},
        examples=[
            examples.sent("All that a filter finds", examples.BULK),
            examples.answered("One done, one refused", examples.BULK_DONE, 200),
        ],
    )
    def post(self, request: Request) -> Response:
        """Do a task with up to 500 tickets; a refusal of one holds up no other.

        With a filter the first 500 tickets by date of receipt are taken.
        """
        given = self.read(BulkIn)
        ids, remaining = self._chosen(given)
        results = [self._one(given, ticket_id) for ticket_id in ids]
        done = sum(result["done"] for result in results)
        return Response(
            {
                "results": results,
                "done": done,
                "refused": len(results) - done,
                "remaining": remaining,
            }
        )

    def _chosen(self, given: dict[str, Any]) -> tuple[Sequence[UUID], int]:
        """Return the tickets, the same ones again when the request is sent again."""
        once = self.once(self.body)
        if once is None:
            return self._matching(given)
        stored, _ = once.run(lambda: Stored(200, json.dumps(self._matching(given), default=str)))
        ids, remaining = json.loads(stored.body)
        return [UUID(ticket_id) for ticket_id in ids], remaining

    def _matching(self, given: dict[str, Any]) -> tuple[Sequence[UUID], int]:
        if "ids" in given:
            filter_or_ids(given)
            return list(dict.fromkeys(given["ids"])), 0
        found = tickets_named(self.actor, given)
        return list(found.values_list("pk", flat=True)[:MOST]), max(0, found.count() - MOST)

    def _one(self, given: dict[str, Any], ticket_id: UUID) -> dict[str, Any]:
        once = self.once(self.body, suffix=f"/{ticket_id}")
        try:
            if once is None:
                return self._act(given, ticket_id)
            stored, _ = once.run(
                lambda: Stored(
                    200, json.dumps(self._act(given, ticket_id), default=str), {}, ticket_id
                )
            )
        except DomainError as error:
            return {
                "ticket": ticket_id,
                "done": False,
                "code": error.code,
                "detail": str(error.message),
            }
        return dict(json.loads(stored.body))

    def _act(self, given: dict[str, Any], ticket_id: UUID) -> dict[str, Any]:
        with transaction.atomic():
            ticket = task_run(
                Task(given["task"]),
                actor=self.actor,
                ticket_id=ticket_id,
                code=given["reason"],
                text=given["text"],
            )
        return {"ticket": ticket_id, "done": True, "state": str(ticket.state)}


class ExportTickets(Resource):
    """The list of tickets as a file."""

    renderer_classes = (CsvLines, JsonLines)
    needs: ClassVar = {"GET": [{Permission.TICKET_VIEW}]}

    @extend_schema(
        operation_id="tickets_export",
        parameters=[TicketFilter],
        responses={
            (200, "text/csv"): OpenApiTypes.STR,
            (200, "application/x-ndjson"): OpenApiTypes.STR,
        },
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        """Return every ticket that meets the filters, oldest receipt first.

        The rows are read from a cursor in the database and sent as they come. Values that a
        spreadsheet would take for a formula are led by an apostrophe.
        """
        found = tickets_filtered(self.actor, self.read_query(TicketFilter))
        renderer: Any = getattr(request, "accepted_renderer", None)
        lines: Iterator[str] = (
            json_lines(found) if isinstance(renderer, JsonLines) else csv_lines(found)
        )
        answer = StreamingHttpResponse(lines, content_type=f"{renderer.media_type}; charset=utf-8")
        answer["Content-Disposition"] = f'attachment; filename="tickets.{renderer.format}"'
        return answer
