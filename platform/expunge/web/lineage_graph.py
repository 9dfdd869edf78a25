"""The lineage of a model as SVG: a row a version, newest first, a lane a branch.

Reads like the history of a source tree, so fifty versions stay legible on a phone. The table
below the drawing says the same in words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from uuid import UUID

from django.utils.formats import date_format
from django.utils.safestring import SafeString, mark_safe
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from expunge.registry.lineage import Holding, holdings_of
from expunge.registry.models import DatasetVersion, ModelVersion
from expunge.web.words import method_title

ROW, LANE, LEFT, TOP = 46, 22, 16, 24
WIDTH = 720
DOT = 6.5
BELOW = 26


@dataclass(frozen=True)
class Row:
    """A version in the graph: its lane, whether something was made from it, and what it holds."""

    version: ModelVersion
    lane: int
    superseded: bool
    holds: str

    @property
    def made(self) -> str:
        """Return how the version came about."""
        return method_title(self.version.method) if self.version.method else _("Training")


def lineage_rows(versions: Sequence[ModelVersion]) -> Sequence[Row]:
    """Return the rows of a model's versions, newest first; ``versions`` are oldest first."""
    here = {version.pk for version in versions}
    parents = {version.parent_id for version in versions}
    lanes = _lanes(versions, here)
    held = holdings_of(versions)
    names = _names({item.dataset_version_id for items in held.values() for item in items})
    return [
        Row(version, lanes[version.pk], version.pk in parents, _holds(held[version.pk], names))
        for version in reversed(versions)
    ]


def lineage_svg(rows: Sequence[Row]) -> SafeString:
    """Return the drawing of the rows."""
    places = {row.version.pk: (row.lane, number) for number, row in enumerate(rows)}
    text = LEFT + LANE * (1 + max((row.lane for row in rows), default=0))
    height = TOP + ROW * (len(rows) - 1) + BELOW
    edges = [_edge(row, places) for row in rows]
    nodes = [_node(row, number, text) for number, row in enumerate(rows)]
    title = escape(_("Versions and what each was made from"))
    return mark_safe(  # noqa: S308 - numbers of our own and escaped words
        f'<svg class="lineage" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-labelledby="lineage-title lineage-desc"><title id="lineage-title">{title}</title>'
        f'<desc id="lineage-desc">{escape(_in_words(rows))}</desc>'
        f"{''.join(edges)}{''.join(nodes)}</svg>"
    )


def _lanes(versions: Sequence[ModelVersion], here: set[UUID]) -> Mapping[UUID, int]:
    """Give the first child its parent's lane, and every other one a lane of its own."""
    lanes: dict[UUID, int] = {}
    continued: set[UUID] = set()
    fresh = 0
    for version in versions:
        parent = version.parent_id
        if parent in here and parent is not None and parent not in continued:
            continued.add(parent)
            lanes[version.pk] = lanes[parent]
        else:
            lanes[version.pk] = fresh
            fresh += 1
    return lanes


def _edge(row: Row, places: Mapping[UUID, tuple[int, int]]) -> str:
    parent = row.version.parent_id
    if parent is None or parent not in places:
        return ""
    lane, number = places[row.version.pk]
    above, below = places[parent]
    x1, y1, x2, y2 = _x(lane), _y(number), _x(above), _y(below)
    bend = y2 - ROW * 0.6
    path = f"M{x1} {y1}V{bend:.1f}C{x1} {y2:.1f} {x2} {bend:.1f} {x2} {y2}"
    return f'<path class="edge" d="{path if lane != above else f"M{x1} {y1}V{y2}"}"/>'


def _node(row: Row, number: int, text: int) -> str:
    x, y = _x(row.lane), _y(number)
    kind = "superseded" if row.superseded else "current"
    day = date_format(localtime(row.version.created_at), "DATE_FORMAT")
    origin = _origin(row.version)
    first = f"v{row.version.number}"
    second = " · ".join(filter(None, [row.made, origin, day]))
    return (
        f"{_shape(row, x, y, kind)}"
        f'<text x="{text}" y="{y - 2}"><tspan class="name">{escape(first)}</tspan> '
        f"<tspan>{escape(second)}</tspan></text>"
        f'<text class="quiet" x="{text}" y="{y + 14}">{escape(row.holds)}</text>'
    )


def _shape(row: Row, x: int, y: int, kind: str) -> str:
    if row.version.method:
        points = f"{x},{y - DOT - 1} {x + DOT + 1},{y} {x},{y + DOT + 1} {x - DOT - 1},{y}"
        return f'<polygon class="node {kind}" points="{points}"/>'
    return f'<circle class="node {kind}" cx="{x}" cy="{y}" r="{DOT}"/>'


def _origin(version: ModelVersion) -> str:
    parent = version.parent
    if parent is None:
        return ""
    if parent.model_id == version.model_id:
        return _("from v%(number)d") % {"number": parent.number}
    return _("from %(name)s v%(number)d") % {"name": parent.model.name, "number": parent.number}


def _holds(held: frozenset[Holding], names: Mapping[UUID, str]) -> str:
    if not held:
        return _("holds no registered data")
    sets = sorted({names[item.dataset_version_id] for item in held})
    erased = len({pk for item in held for pk in item.erased})
    said = _("holds %(datasets)s") % {"datasets": ", ".join(sets)}
    if not erased:
        return said
    less = ngettext("less %d erased part", "less %d erased parts", erased) % erased
    return f"{said}, {less}"


def _names(ids: set[UUID]) -> Mapping[UUID, str]:
    found = DatasetVersion.objects.filter(pk__in=ids).select_related("dataset")
    return {version.pk: str(version) for version in found}


def _in_words(rows: Sequence[Row]) -> str:
    return " ".join(
        f"v{row.version.number}: {' '.join(filter(None, [row.made, _origin(row.version)]))}; "
        f"{row.holds}."
        for row in rows
    )


def _x(lane: int) -> int:
    return LEFT + lane * LANE


def _y(number: int) -> int:
    return TOP + number * ROW
