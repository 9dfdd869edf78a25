"""Runs over many tickets that go on by themselves: start, watch, stop."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from expunge.accounts.permissions import Permission
from expunge.api.resource import ListResource, Resource
from expunge.api.v1.bulk import TASKS, BulkIn, BulkTickets, tickets_named
from expunge.desk import runs
from expunge.desk.models import BulkItem, BulkRun
from expunge.tickets.rules import Task

READS = {"GET": [{Permission.TICKET_VIEW}]}
CHUNK = 2000


class RunLine(serializers.Serializer[Any]):
    """A run in a list."""

    id = serializers.UUIDField(source="pk")
    task = serializers.ChoiceField(TASKS)
    reason = serializers.CharField(source="code", allow_blank=True)
    total = serializers.IntegerField()
    stopped = serializers.BooleanField()
    started_at = serializers.DateTimeField(source="created_at")
    ended_at = serializers.DateTimeField(allow_null=True)


class RunCountsOut(serializers.Serializer[Any]):
    """How many tickets of a run were done, refused, or wait for their turn."""

    done = serializers.IntegerField()
    refused = serializers.IntegerField()
    waiting = serializers.IntegerField()


class RunOut(RunLine):
    """A run, and how far it is."""

    counts = serializers.SerializerMethodField()

    @extend_schema_field(RunCountsOut)
    def get_counts(self, run: BulkRun) -> dict[str, Any]:
        """Count the tickets by what became of them."""
        return dict(RunCountsOut(runs.run_counts(run)).data)


class RunItemOut(serializers.Serializer[Any]):
    """What became of a ticket: ``done``, or the code and sentence of the refusal."""

    ticket = serializers.UUIDField(source="ticket_id")
    result = serializers.CharField()
    detail = serializers.CharField(source="message", allow_blank=True)


class RunItemFilter(serializers.Serializer[Any]):
    """Which tickets of a run."""

    refused = serializers.BooleanField(default=False)


class Runs(ListResource[BulkRun]):
    """The runs that were started with a token of the caller's for this organisation."""

    serializer_class = RunLine
    needs: ClassVar = {**READS, **BulkTickets.needs}

    @extend_schema(operation_id="runs_list")
    def get(self, request: Request) -> Response:
        """List runs, the latest first."""
        return self.listing(runs.runs_of(self.actor))

    @extend_schema(operation_id="runs_start", request=BulkIn, responses={202: RunOut})
    def post(self, request: Request) -> Response:
        """Start a task with all tickets that are named or that the filter finds, however many.

        A worker does it; the run ends early when its token is revoked or expires.
        """
        given = self.read(BulkIn)
        found = tickets_named(self.actor, given)
        run = runs.bulk_start(
            actor=self.actor,
            task=Task(given["task"]),
            tickets=found.values_list("pk", flat=True).iterator(chunk_size=CHUNK),
            code=given["reason"],
            text=given["text"],
            beside=True,
        )
        return Response(RunOut(run).data, status=202)


class OneRun(Resource):
    """One run."""

    needs: ClassVar = READS

    @extend_schema(operation_id="runs_get", responses=RunOut)
    def get(self, request: Request, run_id: UUID) -> Response:
        """Say how far a run is."""
        return Response(RunOut(runs.run_get(self.actor, run_id)).data)


class RunItems(ListResource[BulkItem]):
    """The tickets of a run."""

    serializer_class = RunItemOut
    needs: ClassVar = READS

    @extend_schema(operation_id="runs_tickets", parameters=[RunItemFilter])
    def get(self, request: Request, run_id: UUID) -> Response:
        """List the tickets that were done, or those that refused."""
        refused = self.read_query(RunItemFilter)["refused"]
        run = runs.run_get(self.actor, run_id)
        return self.listing(runs.run_items(run, refused=refused), ("id",))


class StopRun(Resource):
    """Stopping."""

    subject = OneRun
    needs: ClassVar = BulkTickets.needs

    @extend_schema(operation_id="runs_stop", request=None, responses=RunOut)
    def post(self, request: Request, run_id: UUID) -> Response:
        """Let a run end after the ticket it is at; what was done stays done."""
        return Response(RunOut(runs.bulk_stop(actor=self.actor, run_id=run_id)).data)
