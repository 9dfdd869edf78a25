"""Pages of a long list by key and not by number: as fast on the last page as on the first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.utils.http import urlencode

from expunge.common.parse import optional_moment, optional_uuid

Row = TypeVar("Row", bound=Model)
SIZE = 25


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Rows of one page, and the query string of the older rows when there are any."""

    rows: Sequence[Row]
    next: str = ""
    previous: str = ""


def page_by_time(
    request: HttpRequest, rows: QuerySet[Row], field: str, size: int = SIZE
) -> Page[Row]:
    """Return a page in falling order of a time, and of the id among equal times.

    The place is ``?before=<time>&id=<id>``; other values of the address are kept.
    """
    before = optional_moment(request.GET.get("before"))
    last = optional_uuid(request.GET.get("id"))
    if before and last:
        rows = rows.filter(Q(**{f"{field}__lt": before}) | Q(**{field: before, "pk__lt": last}))
    found = list(rows.order_by(f"-{field}", "-pk")[: size + 1])
    shown = found[:size]
    kept: dict[str, str] = {
        name: value for name, value in request.GET.dict().items() if name not in {"before", "id"}
    }
    older = ""
    if len(found) > size:
        older = urlencode(
            kept | {"before": getattr(shown[-1], field).isoformat(), "id": str(shown[-1].pk)}
        )
    return Page(shown, older, (urlencode(kept) or "newest") if before else "")
