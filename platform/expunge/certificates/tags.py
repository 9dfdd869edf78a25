"""What the renderer leaves out of the tags of a PDF, and PDF/UA-1 asks for.

WeasyPrint joins the cells of a table to their headers by ids alone, and tags the lines at the foot
of a page without hanging them into the tree. Here each header also says of which row or column it
is, the ids are listed where a reader looks for them, lists say how they are counted, the place of
a figure is given in the coordinates of its page, and what repeats on every page is no content.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pydyf

POINTS = 0.75
"""Points in a pixel of the renderer."""


def complete_tags(pdf: Any) -> None:
    """Complete the structure elements of a PDF that is about to be written."""
    known = {item.reference: item for item in pdf.objects}
    root = known[pdf.catalog["StructTreeRoot"]]
    elements = dict(_below(root, known))
    for element in elements.values():
        if element["S"] == "/TH":
            group = known[known[element["P"]]["P"]]
            element["A"]["Scope"] = "/Column" if group["S"] == "/THead" else "/Row"
        elif element["S"] == "/L":
            element["A"] = pydyf.Dictionary({"O": "/List", "ListNumbering": "/Disc"})
        elif element["S"] == "/Figure":
            _place(element, known[element["Pg"]])
    _list_ids(pdf, root, elements)
    _set_apart(root, known, elements)


def _below(parent: Any, known: Any) -> Iterator[tuple[bytes, Any]]:
    """Yield the elements of the tree, each with its reference."""
    for reference in parent["K"]:
        if not isinstance(reference, int):
            yield reference, known[reference]
            yield from _below(known[reference], known)


def _place(figure: Any, page: Any) -> None:
    """Give the place of a figure from the lower left corner of its page, in points."""
    _, _, _, height = page["MediaBox"]
    left, top, right, bottom = (POINTS * side for side in figure["A"]["BBox"])
    figure["A"]["BBox"] = pydyf.Array((left, height - bottom, right, height - top))


def _list_ids(pdf: Any, root: Any, elements: Any) -> None:
    """List the elements that have an id, in the order of the ids, as a name tree must be."""
    named = sorted(
        (element["ID"].string, element["ID"], reference)
        for reference, element in elements.items()
        if "ID" in element
    )
    if not named:
        return
    leaf = pydyf.Dictionary(
        {
            "Limits": pydyf.Array((named[0][1], named[-1][1])),
            "Names": pydyf.Array(part for _, *pair in named for part in pair),
        }
    )
    pdf.add_object(leaf)
    root["IDTree"] = pydyf.Dictionary({"Kids": pydyf.Array([leaf.reference])})


def _set_apart(root: Any, known: Any, elements: Any) -> None:
    """Mark as an artifact of the page whatever is tagged and hangs in no tree."""
    numbers = known[root["ParentTree"]]["Nums"]
    by_page = dict(zip(numbers[::2], numbers[1::2], strict=True))
    for page in known.values():
        if not isinstance(page, pydyf.Dictionary) or "StructParents" not in page:
            continue
        owners = by_page[page["StructParents"]]
        apart = {mark for mark, owner in enumerate(owners) if owner not in elements}
        parts = known[page["Contents"]].stream
        for place, part in enumerate(parts):
            if isinstance(part, pydyf.Dictionary) and part.get("MCID") in apart:
                parts[place - 1] = "/Artifact"
                parts[place] = pydyf.Dictionary({"Type": "/Pagination"})
        for mark in apart:
            owners[mark] = "null"
