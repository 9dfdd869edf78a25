"""Numbers over all tickets, for reports: what is open, what is late, what came and went."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from expunge.accounts.permissions import Permission
from expunge.api.resource import Resource
from expunge.jobs.selectors import tickets_stuck
from expunge.tickets.statistics import deadlines_kept, tallies, throughput


class WeekOut(serializers.Serializer[Any]):
    """What came and went in the week that begins on ``monday``."""

    monday = serializers.DateField()
    filed = serializers.IntegerField()
    closed = serializers.IntegerField()
    not_verified = serializers.IntegerField()


class KeptOut(serializers.Serializer[Any]):
    """Of the tickets that ended within 90 days, how many did so in time."""

    in_time = serializers.IntegerField()
    ended = serializers.IntegerField()
    percent = serializers.IntegerField(allow_null=True)


class NumbersOut(serializers.Serializer[Any]):
    """Open tickets by what they need, the deadlines kept, and the last twelve weeks."""

    open = serializers.IntegerField()
    overdue = serializers.IntegerField()
    due_soon = serializers.IntegerField(help_text="Due within seven days, and not overdue.")
    failed = serializers.IntegerField()
    running = serializers.IntegerField()
    held = serializers.IntegerField()
    stuck = serializers.IntegerField()
    kept = KeptOut()
    weeks = WeekOut(many=True)


class TicketNumbers(Resource):
    """The numbers of the token's organisation."""

    needs: ClassVar = {"GET": [{Permission.TICKET_VIEW}]}

    @extend_schema(operation_id="tickets_numbers", responses=NumbersOut)
    def get(self, request: Request) -> Response:
        """Return tallies of the open tickets, deadlines kept, and tickets a week."""
        body = {
            **tallies(self.actor),
            "stuck": tickets_stuck(self.actor).count(),
            "kept": deadlines_kept(self.actor),
            "weeks": throughput(self.actor),
        }
        return Response(NumbersOut(body).data)
