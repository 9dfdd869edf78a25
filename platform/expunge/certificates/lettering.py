"""Chart labels, set whole.

WeasyPrint sets the text of a drawing letter by letter, as if each could stand elsewhere. That takes
a fifth of the time a certificate is printed in, and no letter is fitted to the next. A label of
ours stands in one place: it is set in one go. Whatever asks for more is left to WeasyPrint.
"""

from __future__ import annotations

from math import inf
from typing import Any

from weasyprint import svg
from weasyprint.css.properties import INITIAL_VALUES
from weasyprint.draw.text import draw_first_line
from weasyprint.matrix import Matrix
from weasyprint.svg.bounding_box import extend_bounding_box
from weasyprint.text.line_break import split_first_line

MORE = {
    *("dx", "dy", "rotate", "letter-spacing", "textLength", "font-style", "direction"),
    *("dominant-baseline", "alignment-baseline", "display-anchor"),
}
"""Attributes of a text that a plain label has not."""
WEIGHTS = {"normal": 400, "bold": 700}
_LETTER_BY_LETTER = svg.text


class _Style(dict[str, Any]):
    """The properties of a label, as WeasyPrint reads them."""

    font_config: Any


class _Label:
    """A label, as WeasyPrint draws it."""

    def __init__(self, layout: Any, style: _Style, baseline: float) -> None:
        self.pango_layout, self.style, self.baseline = layout, style, baseline

    @property
    def text(self) -> str:
        """Return what it says."""
        return str(self.pango_layout.text)


def set_labels_whole() -> None:
    """Put our way of setting text in the place of WeasyPrint's."""
    mine = {name: _draw for name, draw in svg.TAGS.items() if draw is _LETTER_BY_LETTER}
    svg.TAGS.update(mine)
    svg.text = _draw


def _draw(drawing: Any, node: Any, font_size: float) -> None:
    """Draw the text of a node; the caller moves it to where its anchor says."""
    if not _plain(node):
        _LETTER_BY_LETTER(drawing, node, font_size)
        return
    style = _style(drawing, node, font_size)
    layout, _, _, width, height, baseline = split_first_line(
        node.text, style, drawing.context, inf, 0
    )
    x, y = drawing.point(node.get("x"), node.get("y"), font_size)
    corners = ((x, y - baseline), (x + width, y - baseline + height))
    node.text_bounding_box = extend_bounding_box(node.text_bounding_box, corners)
    stream = drawing.stream
    stream.push_state()
    fill, stroke = drawing.set_graphical_state(node, font_size)
    stream.begin_text()
    layout.reactivate(style)
    drawing.fill_stroke(fill, stroke, text=True)
    draw_first_line(stream, _Label(layout, style, baseline), "none", "none", Matrix(d=-1, e=x, f=y))
    stream.end_text()
    stream.pop_state()


def _plain(node: Any) -> bool:
    """Say whether a node is one line of text that stands at one place."""
    places = f"{node.get('x', '')}{node.get('y', '')}"
    return bool(
        node.tag == "text"
        and node.text
        and not list(node)
        and MORE.isdisjoint(node.attrib)
        and not set(places) & set(" ,\n")
    )


def _style(drawing: Any, node: Any, font_size: float) -> _Style:
    style = _Style(INITIAL_VALUES)
    style.font_config = drawing.font_config
    weight = node.get("font-weight", "400")
    style["font_family"] = [
        name.strip("\"' ") for name in node.get("font-family", "sans-serif").split(",")
    ]
    style["font_weight"] = WEIGHTS.get(weight) or int(weight)
    style["font_size"] = font_size
    return style
