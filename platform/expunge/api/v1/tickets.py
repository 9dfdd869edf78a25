"""Tickets: list, file, get, and every task a person may do with one."""

from __future__ import annotations

from typing import Any, ClassVar, cast
from uuid import UUID

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from expunge.accounts.permissions import Permission
from expunge.api.filters import ORDERINGS, tickets_filtered
from expunge.api.resource import ListResource, Resource
from expunge.api.v1 import examples
from expunge.api.v1.fields import NodeOut, PersonOut
from expunge.jobs.planner import LADDERS
from expunge.tickets import selectors
from expunge.tickets.models import Outcome, Ticket
from expunge.tickets.payload import TicketPayload
from expunge.tickets.regimes import regimes
from expunge.tickets.rules import RULES, Task
from expunge.tickets.services import ticket_file
from expunge.tickets.states import TicketState
from expunge.tickets.tasks import TASKS, codes_of, task_run

LONGEST_TEXT = 4000
STATES = [str(state) for state in TicketState]


class TicketFilter(serializers.Serializer[Any]):
    """The filters of the list. A name never stands in an address: see ``tickets/search``."""

    state = serializers.MultipleChoiceField(choices=STATES, required=False)
    outcome = serializers.ChoiceField(Outcome.values, required=False)
    regime = serializers.ChoiceField(sorted(regimes()), required=False)
    reference = serializers.RegexField(r"^[A-Za-z0-9-]{1,20}$", required=False)
    requester = serializers.UUIDField(required=False)
    reviewer = serializers.UUIDField(required=False)
    approver = serializers.UUIDField(required=False)
    received_after = serializers.DateTimeField(required=False)
    received_before = serializers.DateTimeField(required=False)
    due_after = serializers.DateField(required=False)
    due_before = serializers.DateField(required=False)
    overdue = serializers.BooleanField(required=False, allow_null=True, default=None)
    held = serializers.BooleanField(
        required=False, allow_null=True, default=None, help_text="A legal hold stopped it."
    )
    under_hold = serializers.BooleanField(
        required=False,
        allow_null=True,
        default=None,
        help_text="A legal hold covers it, and stops it now or when it gets that far.",
    )
    stuck = serializers.BooleanField(
        required=False,
        allow_null=True,
        default=None,
        help_text="Its work should go on by itself but does not.",
    )
    waiting = serializers.BooleanField(
        required=False, allow_null=True, default=None, help_text="Its next step is the caller's."
    )


class TicketQuery(TicketFilter):
    """The filters and the order of the list."""

    ordering = serializers.ChoiceField(list(ORDERINGS), default="-received_at")


class TicketSearch(TicketFilter):
    """Filters and a label (a person's name, say), exactly as it stands in the data."""

    label = serializers.CharField(max_length=200, required=False)  # type: ignore[assignment]


class TicketLine(serializers.Serializer[Any]):
    """A ticket in a list."""

    id = serializers.UUIDField(source="pk")
    reference = serializers.CharField()
    state = serializers.ChoiceField(STATES)
    outcome = serializers.CharField()
    regime = serializers.CharField()
    ground = serializers.CharField()
    profile = serializers.CharField()
    received_at = serializers.DateTimeField()
    due_on = serializers.DateField()
    overdue = serializers.SerializerMethodField()
    ended_at = serializers.DateTimeField(allow_null=True)

    def get_overdue(self, ticket: Ticket) -> bool:
        """Say whether the deadline has passed on an open ticket."""
        return selectors.is_overdue(ticket)


class SubjectOut(serializers.Serializer[Any]):
    """Who the request is about: personal data."""

    subject_name = serializers.CharField()
    contact = serializers.CharField(allow_blank=True)
    note = serializers.CharField(allow_blank=True)


class HistoryOut(serializers.Serializer[Any]):
    """One thing that happened. ``text`` is empty when destroyed or not for this reader."""

    at = serializers.DateTimeField()
    source = serializers.CharField(allow_blank=True)  # type: ignore[assignment]
    target = serializers.CharField()
    who = serializers.CharField()
    reason = serializers.CharField(allow_blank=True)
    text = serializers.CharField(allow_blank=True)


class TicketOut(TicketLine):
    """A ticket in full, as far as the caller may see it. ``tasks``: what they may do now."""

    clock = serializers.JSONField()
    requester = PersonOut()
    reviewer = PersonOut(allow_null=True)
    approver = PersonOut(allow_null=True)
    scope = NodeOut(many=True)
    subject = SubjectOut(allow_null=True)
    tasks = serializers.ListField(child=serializers.ChoiceField([str(task) for task in Task]))
    history = HistoryOut(many=True)


class TicketIn(serializers.Serializer[Any]):
    """A new ticket."""

    regime = serializers.ChoiceField(sorted(regimes()))
    ground = serializers.CharField(max_length=40)
    nodes = serializers.ListField(child=serializers.UUIDField(), allow_empty=False, max_length=500)
    subject_name = serializers.CharField(max_length=200)
    contact = serializers.CharField(max_length=300, required=False, default="", allow_blank=True)
    note = serializers.CharField(
        max_length=LONGEST_TEXT, required=False, default="", allow_blank=True
    )
    received_at = serializers.DateTimeField(required=False, allow_null=True, default=None)
    profile = serializers.ChoiceField(
        list(LADDERS),
        required=False,
        help_text="What must be shown; as the organisation's policy says when left out.",
    )
    identity_confirmed = serializers.BooleanField(default=False)


class Tickets(ListResource[Ticket]):
    """The tickets of the token's organisation."""

    serializer_class = TicketLine
    needs: ClassVar = {
        "GET": [{Permission.TICKET_VIEW}],
        "POST": [{Permission.TICKET_VIEW, Permission.TICKET_FILE}],
    }

    @extend_schema(operation_id="tickets_list", parameters=[TicketQuery])
    def get(self, request: Request) -> Response:
        """List tickets, newest receipt first unless asked otherwise."""
        wanted = self.read_query(TicketQuery)
        ordering = ORDERINGS[wanted.pop("ordering")]
        return self.listing(tickets_filtered(self.actor, wanted), ordering)

    @extend_schema(
        operation_id="tickets_file",
        request=TicketIn,
        responses={201: TicketOut},
        examples=[
            examples.sent("Consent withdrawn", examples.FILED),
            examples.answered("The ticket", examples.TICKET, 201),
        ],
    )
    def post(self, request: Request) -> Response:
        """File a deletion request for everything below the named nodes."""
        given = self.read(TicketIn)
        payload = TicketPayload(given.pop("subject_name"), given.pop("contact"), given.pop("note"))
        ticket = ticket_file(
            actor=self.actor,
            controller_id=self.controller_id,
            node_ids=given.pop("nodes"),
            payload=payload,
            **given,
        )
        self.about_ticket = ticket.pk
        return Response(TicketOut(_filled(self, ticket)).data, status=201)


class SearchTickets(ListResource[Ticket]):
    """Search by what may not stand in an address."""

    serializer_class = TicketLine
    needs: ClassVar = {"POST": [{Permission.TICKET_VIEW}]}

    @extend_schema(
        operation_id="tickets_search",
        request=TicketSearch,
        responses={200: TicketLine(many=True)},
    )
    def post(self, request: Request) -> Response:
        """List one page of the tickets found, newest receipt first.

        ``next`` is the address to send the same body to for the page after.
        """
        return self.listing(tickets_filtered(self.actor, self.read(TicketSearch)))


class OneTicket(Resource):
    """One ticket."""

    needs: ClassVar = {"GET": [{Permission.TICKET_VIEW}]}

    @extend_schema(
        operation_id="tickets_get",
        responses=TicketOut,
        examples=[examples.answered("A ticket under review", examples.TICKET, 200)],
    )
    def get(self, request: Request, ticket_id: UUID) -> Response:
        """Return a ticket with its history and what the caller may do with it."""
        return Response(TicketOut(_in_full(self, ticket_id)).data)


def _in_full(resource: Resource, ticket_id: UUID) -> Ticket:
    """Return the ticket with everything :class:`TicketOut` shows set on it."""
    return _filled(resource, selectors.ticket_get(resource.actor, ticket_id))


def _filled(resource: Resource, found: Ticket) -> Ticket:
    actor, ticket = resource.actor, cast("Any", found)
    ticket.scope = selectors.ticket_nodes(ticket)
    ticket.subject = selectors.ticket_payload(actor, ticket)
    ticket.tasks = [str(task) for task in selectors.ticket_tasks(actor, ticket)]
    ticket.history = selectors.ticket_history(actor, ticket)
    return found


class TaskView(Resource):
    """Does one task with a ticket; one subclass for every row of the table of tasks."""

    subject = OneTicket
    task: ClassVar[Task]
    serializer: ClassVar[type[serializers.Serializer[Any]]]

    def post(self, request: Request, ticket_id: UUID) -> Response:
        """Carry out the task; the answer is the ticket as it stands then."""
        given = self.read(self.serializer)
        task_run(
            self.task,
            actor=self.actor,
            ticket_id=ticket_id,
            code=given.get("reason", ""),
            text=given["text"],
        )
        return Response(TicketOut(_in_full(self, ticket_id)).data)


def task_view(task: Task) -> type[TaskView]:
    """Return the view of a task, with the body that its service asks for."""
    spec = TASKS[task]
    name = "".join(word.capitalize() for word in task.split("_"))
    needed = serializers.CharField(max_length=LONGEST_TEXT)
    free = serializers.CharField(max_length=LONGEST_TEXT, default="", allow_blank=True)
    text = needed if spec.text_needed else free
    fields: dict[str, Any] = {"text": text, "__doc__": f"{task.label}."}
    if spec.codes is not None:
        fields["reason"] = serializers.ChoiceField(codes_of(task))
    body = type(f"{name}TicketIn", (serializers.Serializer,), fields)
    rights = dict.fromkeys(RULES[task].permission.values())
    needs = {"POST": [{Permission.TICKET_VIEW, right} for right in rights]}
    view = type(f"{name}Ticket", (TaskView,), {"task": task, "serializer": body, "needs": needs})
    described = extend_schema(
        operation_id=f"tickets_{task}",
        summary=task.label,
        request=body,
        responses=TicketOut,
    )
    return extend_schema_view(post=described)(view)
