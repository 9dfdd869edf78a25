"""Tables in documents: a script writes what stands between two marks, people write the rest."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"


def put(document: Path, lines: Iterable[str]) -> None:
    """Replace what stands between the marks of a document."""
    before, begun, rest = document.read_text(encoding="utf-8").partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not begun or not ended:
        message = f"{document} has no place for a table: {BEGIN} and {END}"
        raise ValueError(message)
    document.write_text(before + "\n".join([BEGIN, *lines, END]) + after, encoding="utf-8")
