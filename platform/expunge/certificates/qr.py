"""The QR code of a document: for whoever holds a print. The printed text says all that is in it."""

from __future__ import annotations

import io

import segno

from expunge.certificates.predicate import Predicate


def code_text(said: Predicate, statement: str) -> str:
    """Return what the code holds: number, id, digest of the statement, where the list stands."""
    lines = [
        f"EXPUNGE {said.number}",
        f"id {said.id}",
        f"statement sha256 {statement}",
    ]
    return "\n".join([*lines, f"status {said.status_url}"] if said.status_url else lines)


def code_svg(text: str, title: str) -> str:
    """Return the code as SVG; ``title`` is what stands for it where it cannot be seen."""
    drawn = io.BytesIO()
    segno.make(text, error="m", micro=False).save(
        drawn, kind="svg", border=0, title=title, xmldecl=False, svgns=True, omitsize=True, nl=False
    )
    return drawn.getvalue().decode()
