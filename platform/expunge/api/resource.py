"""The base of every resource: the caller, scopes, limits, conditions, idempotency, pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from typing import Any, ClassVar, TypeVar
from uuid import UUID

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.core.exceptions import ValidationError as ImpossibleValueError
from django.db import DataError
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.exceptions import (
    AuthenticationFailed,
    MethodNotAllowed,
    NotAuthenticated,
    NotFound,
    ValidationError,
)
from rest_framework.generics import GenericAPIView
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from expunge.accounts.permissions import Actor, Permission
from expunge.api import conditions, idempotency
from expunge.api.authentication import actor_of, grant_of
from expunge.api.limits import TokenLimit, count_stranger, standing_of
from expunge.api.schema import ProblemSchema
from expunge.api.strict import check_kinds, check_names
from expunge.common.errors import NotAllowedError

Row = TypeVar("Row", bound=Model)
Needs = Mapping[str, Sequence[AbstractSet[Permission]]]
JSON = "application/json"
LARGEST_PAGE = 200
PAGING = ("cursor", "page_size", "format")


class Resource(APIView):
    """A view of the API.

    ``needs`` names for each method the scopes that a token must have: one of the sets, whole.
    Services check the person's rights as well. ``subject`` is the view of the single thing that
    a POST changes, for ``If-Match``. A POST is carried out once for each ``Idempotency-Key``:
    whole and in one transaction, unless the view sees to it itself (``keyed_whole``).
    """

    schema = ProblemSchema()
    throttle_classes = (TokenLimit,)
    needs: ClassVar[Needs] = {}
    subject: ClassVar[type[Resource] | None] = None
    keyed_whole: ClassVar[bool] = True
    about_ticket: UUID | None = None
    body: bytes = b""
    query_read = False

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
        check_kinds(checked, self.request.data)
        return dict(checked.validated_data)

    def read_query(self, serializer: type[Serializer[Any]]) -> dict[str, Any]:
        """Return the checked query of the address; a bad one raises ``ValidationError``."""
        checked = serializer(data=self.request.query_params)
        check_names([*checked.fields, *PAGING], self.request.query_params)
        self.query_read = True
        checked.is_valid(raise_exception=True)
        return dict(checked.validated_data)

    def once(self, body: bytes, suffix: str = "") -> idempotency.Once | None:
        """Return the right to do something once, by the request's idempotency key if it has one."""
        key = self.request.headers.get(idempotency.HEADER)
        if key is None or self.request.method != "POST":
            return None
        asked = f"POST {self.request.get_full_path()}\n".encode() + body
        user = grant_of(self.request).user
        name = f"{idempotency.key_read(key)}{suffix}"
        return idempotency.Once(user, self.controller_id, name, asked)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Answer a call; every way to fail becomes problem details."""
        self.args, self.kwargs = args, kwargs
        asked = self.initialize_request(request, *args, **kwargs)
        self.request, self.headers = asked, self.default_response_headers
        answer: Any
        try:
            self.initial(asked, *args, **kwargs)
            answer = self._answer(asked)
        except Exception as error:  # noqa: BLE001 - the handler records what it does not know
            answer = self.handle_exception(error)
        self.response = self.finalize_response(asked, answer, *args, **kwargs)
        return self.response

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Check the token, its limit and its scopes; a call without a good one is counted."""
        try:
            super().initial(request, *args, **kwargs)
        except (AuthenticationFailed, NotAuthenticated):
            count_stranger(request)
            raise

    def check_permissions(self, request: Request) -> None:
        """Refuse a token that lacks the scopes of this method."""
        super().check_permissions(request)
        choices = self.needs.get(request.method or "", ())
        held = self.actor.scopes
        if choices and held is not None and not any(held.issuperset(one) for one in choices):
            missing = sorted(str(scope) for scope in choices[0] if scope not in held)
            raise NotAllowedError(
                "permission_missing",
                f"This needs a token with the scope '{missing[0]}'. Make one that has it.",
            )

    def finalize_response(
        self, request: Request, response: Any, *args: Any, **kwargs: Any
    ) -> Response:
        """Forbid caches to keep anything; say how much of the quota is left."""
        final = super().finalize_response(request, response, *args, **kwargs)
        final.setdefault("Cache-Control", "no-store")
        standing = standing_of(request)
        for name, value in (standing.headers if standing else {}).items():
            final[name] = value
        return final

    def _answer(self, request: Request) -> HttpResponseBase:
        method = (request.method or "").lower()
        handler = getattr(self, method, None) if method in self.http_method_names else None
        if handler is None:
            raise MethodNotAllowed(request.method or "")
        act = partial(handler, request, *self.args, **self.kwargs)
        if method in {"get", "head"}:
            _refuse_empty(request)
            return _conditional(request, act())
        return act() if method == "options" else self._change(request, act)

    def _change(self, request: Request, act: Callable[[], HttpResponseBase]) -> HttpResponseBase:
        self.body = _bounded_body(request)
        wanted = request.headers.get("If-Match")
        if wanted is not None:
            act = partial(idempotency.in_one_transaction, partial(self._matched, wanted, act))
        once = self.once(self.body) if self.keyed_whole else None
        if once is None:
            return act()
        stored, replayed = once.run(lambda: self._stored(act()))
        return _given(stored, replayed=replayed)

    def _matched(self, wanted: str, act: Callable[[], HttpResponseBase]) -> HttpResponseBase:
        """Act, if the thing is as the caller saw it."""
        kind = self.subject or (type(self) if self.request.method != "POST" else None)
        if kind is None or not hasattr(kind, "get"):
            raise conditions.nothing_to_match()
        conditions.change_lock(kind.__qualname__, *self.kwargs.values())
        view: Any = kind()
        view.args, view.kwargs, view.request = self.args, self.kwargs, self.request
        seen = view.get(self.request, *self.args, **self.kwargs)
        conditions.match_or_refuse(conditions.etag_of(_rendered(seen)), wanted)
        return act()

    def _stored(self, answer: HttpResponseBase) -> idempotency.Stored:
        if not isinstance(answer, Response):
            raise TypeError("only JSON answers are kept under an idempotency key")
        headers = {"Location": answer["Location"]} if "Location" in answer else {}
        ticket_id = self.about_ticket or self.kwargs.get("ticket_id")
        text = _rendered(answer).decode()
        return idempotency.Stored(answer.status_code, text, headers, ticket_id)


class Pages(CursorPagination):
    """Cursor pages; ``page_size`` up to 200."""

    invalid_cursor_message = "This cursor leads nowhere. Begin again without one."
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = LARGEST_PAGE

    def get_page_size(self, request: Request) -> int:
        """Return the size asked for; raises ``ValidationError`` when there is no such size."""
        asked = request.query_params.get(self.page_size_query_param)
        if asked is None:
            return self.page_size
        if not asked.isascii() or not asked.isdigit() or not 1 <= int(asked[:9]) <= LARGEST_PAGE:
            raise ValidationError({"page_size": [f"A page has 1 to {LARGEST_PAGE} items."]})
        return int(asked)

    def decode_cursor(self, request: Request) -> Cursor | None:
        """Return the place to go on from; raises ``NotFound`` for a cursor that names none."""
        place = super().decode_cursor(request)
        if place is not None and not any(place):
            raise NotFound(self.invalid_cursor_message)
        return place

    def paginate_queryset(self, *args: Any, **given: Any) -> Any:
        """Return a page; raises ``NotFound`` where a cursor names a place that cannot be."""
        try:
            return super().paginate_queryset(*args, **given)
        except (ImpossibleValueError, ValueError, OverflowError, DataError) as error:
            raise NotFound(self.invalid_cursor_message) from error


class ListResource(Resource, GenericAPIView[Row]):
    """A paged list; ``ordering`` is a unique order, newest first unless said otherwise."""

    pagination_class = Pages
    ordering: tuple[str, ...] = ("-created_at", "-id")

    def listing(self, rows: QuerySet[Row], ordering: tuple[str, ...] = ()) -> Response:
        """Return one page of the rows."""
        if not self.query_read:
            check_names(PAGING, self.request.query_params)
        pages = Pages()
        pages.ordering = ordering or self.ordering
        page = pages.paginate_queryset(rows.order_by(*pages.ordering), self.request, view=self)
        serializer = self.get_serializer(page, many=True)
        return pages.get_paginated_response(serializer.data)


def _rendered(answer: Response) -> bytes:
    """Return the representation, as it is sent."""
    return b"" if answer.data is None else bytes(JSONRenderer().render(answer.data))


def _conditional(request: Request, answer: HttpResponseBase) -> HttpResponseBase:
    """Add the tag of a representation, or say that the caller has it already."""
    if not isinstance(answer, Response) or answer.status_code != 200:  # noqa: PLR2004 - OK
        return answer
    etag = conditions.etag_of(_rendered(answer))
    known = request.headers.get("If-None-Match")
    if known is not None and conditions.is_known(etag, known):
        answer = Response(status=304)
    answer["ETag"] = etag
    return answer


def _refuse_empty(request: Request) -> None:
    """Refuse a query that names something and leaves it empty: DRF would take it as not given."""
    empty = [name for name, values in request.query_params.lists() if "" in values]
    if empty:
        raise ValidationError({name: ["Give a value, or leave it out."] for name in empty})


def _given(stored: idempotency.Stored, *, replayed: bool) -> HttpResponse:
    answer = HttpResponse(
        stored.body, status=stored.status, content_type=JSON, headers=dict(stored.headers)
    )
    if replayed:
        answer[idempotency.REPLAYED] = "true"
    return answer


def _bounded_body(request: Request) -> bytes:
    """Return the raw body; raises ``RequestDataTooBig``, also when its length was not told."""
    most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    body = request._request.body  # noqa: SLF001 - before DRF reads its stream
    if len(body) > most:
        raise RequestDataTooBig
    return bytes(body)
