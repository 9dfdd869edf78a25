"""The base of every resource: the caller as an actor, nothing kept by caches, schema, pages."""

from __future__ import annotations

from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet
from rest_framework.generics import GenericAPIView
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from expunge.accounts.permissions import Actor
from expunge.api.authentication import actor_of
from expunge.api.schema import ProblemSchema

Row = TypeVar("Row", bound=Model)


class Resource(APIView):
    """A view of the API."""

    schema = ProblemSchema()

    @property
    def actor(self) -> Actor:
        """Return the caller with the rights of the token."""
        return actor_of(self.request)

    @property
    def controller_id(self) -> UUID:
        """Return the organisation the token was made for."""
        controller_id = self.actor.only
        if controller_id is None:
            raise TypeError("a token belongs to an organisation")
        return controller_id

    def read(self, serializer: type[Serializer[Any]]) -> dict[str, Any]:
        """Return the checked body; a bad one raises DRF's ``ValidationError``."""
        checked = serializer(data=self.request.data)
        checked.is_valid(raise_exception=True)
        return dict(checked.validated_data)

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        """Forbid caches to keep anything."""
        final = super().finalize_response(request, response, *args, **kwargs)
        final.setdefault("Cache-Control", "no-store")
        return final


class Pages(CursorPagination):
    """Cursor pages; ``page_size`` up to 200."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200


class ListResource(Resource, GenericAPIView[Row]):
    """A paged list; ``ordering`` is a unique order, newest first unless said otherwise."""

    pagination_class = Pages
    ordering: tuple[str, ...] = ("-created_at", "-id")

    def listing(self, rows: QuerySet[Row]) -> Response:
        """Return one page of the rows."""
        pages = Pages()
        pages.ordering = self.ordering
        page = pages.paginate_queryset(rows.order_by(*self.ordering), self.request, view=self)
        serializer = self.get_serializer(page, many=True)
        return pages.get_paginated_response(serializer.data)
