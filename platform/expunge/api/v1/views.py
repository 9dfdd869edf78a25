"""Saved views of the list of tickets: list, save, get, remove, and the tickets they find."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.http import QueryDict
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from expunge.accounts.permissions import Permission
from expunge.api.resource import ListResource, Resource
from expunge.api.v1.tickets import TicketLine
from expunge.desk.listing import tickets_found
from expunge.desk.models import SavedView
from expunge.desk.saved_views import (
    LONGEST_NAME,
    default_view,
    view_get,
    view_remove,
    view_save,
    views_of,
)
from expunge.tickets.listing import GROUPS, WINDOWS, Order, codes_of, filter_of
from expunge.tickets.models import Ticket
from expunge.tickets.regimes import regimes
from expunge.tickets.states import TicketState

STATES = [*GROUPS, *(str(state) for state in TicketState)]
READS = {"GET": [{Permission.TICKET_VIEW}]}
KEEPS = {"POST": [{Permission.TICKET_VIEW}]}
REMOVES = {"DELETE": [{Permission.TICKET_VIEW}]}


class ViewCodes(serializers.Serializer[Any]):
    """What a view asks for. ``mine``: the next step is the reader's; ``by``: who filed it."""

    state = serializers.ChoiceField(STATES, required=False)
    regime = serializers.ChoiceField(sorted(regimes()), required=False)
    due = serializers.ChoiceField(["overdue", *WINDOWS], required=False)
    mine = serializers.BooleanField(required=False)
    stuck = serializers.BooleanField(required=False)
    by = serializers.UUIDField(required=False)
    sort = serializers.ChoiceField([str(order) for order in Order], required=False)


class ViewOut(serializers.Serializer[Any]):
    """A view: ``mine`` says that the caller saved it, ``default`` that their list opens with it."""

    id = serializers.UUIDField(source="pk")
    name = serializers.CharField()
    shared = serializers.BooleanField()
    mine = serializers.SerializerMethodField()
    default = serializers.SerializerMethodField("opens_with_it")
    filter = serializers.SerializerMethodField()

    def get_mine(self, view: SavedView) -> bool:
        """Say whether the caller saved it."""
        return bool(view.owner_id == self.context["actor"].user.pk)

    def opens_with_it(self, view: SavedView) -> bool:
        """Say whether the caller's list opens with it."""
        return bool(view == self.context["default"])

    def get_filter(self, view: SavedView) -> dict[str, str]:
        """Return the codes of filter and order."""
        return {str(name): str(value) for name, value in QueryDict(view.query).items()}


class ViewIn(serializers.Serializer[Any]):
    """A filter under a name; the same name again replaces the caller's own view."""

    name = serializers.CharField(max_length=LONGEST_NAME)
    filter = ViewCodes()
    shared = serializers.BooleanField(default=False)
    default = serializers.BooleanField(default=False)


class Views(ListResource[SavedView]):
    """The caller's own views and those that others share."""

    serializer_class = ViewOut
    needs: ClassVar = {**READS, **KEEPS}

    def get_serializer_context(self) -> dict[str, Any]:
        """Tell the serializer who reads."""
        return {**super().get_serializer_context(), **_reader(self)}

    @extend_schema(operation_id="views_list")
    def get(self, request: Request) -> Response:
        """List views, by name."""
        return self.listing(views_of(self.actor), ("name", "id"))

    @extend_schema(operation_id="views_save", request=ViewIn, responses={201: ViewOut})
    def post(self, request: Request) -> Response:
        """Save a view."""
        given = self.read(ViewIn)
        codes = {name: _code(value) for name, value in given.pop("filter").items()}
        query = QueryDict(mutable=True)
        query.update(codes_of(*filter_of(codes)))
        view = view_save(
            actor=self.actor, controller_id=self.controller_id, query=query.urlencode(), **given
        )
        return Response(ViewOut(view, context=_reader(self)).data, status=201)


class OneView(Resource):
    """One view."""

    needs: ClassVar = {**READS, **REMOVES}

    @extend_schema(operation_id="views_get", responses=ViewOut)
    def get(self, request: Request, view_id: UUID) -> Response:
        """Return a view."""
        return Response(ViewOut(view_get(self.actor, view_id), context=_reader(self)).data)

    @extend_schema(operation_id="views_remove", responses={204: None})
    def delete(self, request: Request, view_id: UUID) -> Response:
        """Remove one of the caller's own views."""
        view_remove(actor=self.actor, view_id=view_id)
        return Response(status=204)


class ViewTickets(ListResource[Ticket]):
    """The tickets of a view."""

    serializer_class = TicketLine
    needs: ClassVar = READS

    @extend_schema(operation_id="views_tickets")
    def get(self, request: Request, view_id: UUID) -> Response:
        """List the tickets that a view finds for the caller, in its order."""
        codes = QueryDict(view_get(self.actor, view_id).query)
        wanted, order = filter_of({str(name): str(value) for name, value in codes.items()})
        dash = "-" if order.falling else ""
        keys = [dash + ("id" if key == "pk" else key) for key in order.keys]
        return self.listing(tickets_found(self.actor, wanted), tuple(keys))


def _code(value: Any) -> str:
    """Return a value as it stands in an address."""
    return ("1" if value else "") if isinstance(value, bool) else str(value)


def _reader(view: Resource) -> dict[str, Any]:
    return {"actor": view.actor, "default": default_view(view.actor)}
