"""Tables in documents: a script writes what stands between two marks, people write the rest."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def put(document: Path, lines: Iterable[str], name: str = "table") -> None:
    """Replace what stands between the marks of a name in a document."""
    begin, end = (f"<!-- {name}: {place} -->" for place in ("begin", "end"))
    before, begun, rest = document.read_text(encoding="utf-8").partition(begin)
    _, ended, after = rest.partition(end)
    if not begun or not ended:
        message = f"{document} has no place for a table: {begin} and {end}"
        raise ValueError(message)
    document.write_text(before + "\n".join([begin, *lines, end]) + after, encoding="utf-8")
