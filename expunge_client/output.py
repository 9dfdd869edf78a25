"""What the command prints: lines for people, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import typer
from pydantic import BaseModel

from expunge_client.models import AttemptLine, EventOut, NewsOut

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
MOVE = "ticket.moved"


def show(thing: BaseModel, lines: Iterable[str], *, as_json: bool) -> None:
    """Print one thing."""
    typer.echo(thing.model_dump_json(indent=2) if as_json else "\n".join(lines))


def show_all(
    things: Iterable[BaseModel], columns: Sequence[str], *, as_json: bool, most: int | None = None
) -> None:
    """Print things in columns, or as a JSON array."""
    found = [thing for _, thing in zip(range(most), things, strict=False)] if most else list(things)
    if as_json:
        typer.echo(json.dumps([thing.model_dump(mode="json") for thing in found], indent=2))
        return
    rows = [[_cell(getattr(thing, name)) for name in columns] for thing in found]
    heads = [name.replace("_", " ") for name in columns]
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    for row in (heads, *rows):
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        typer.echo(line.rstrip())


def news_lines(news: NewsOut) -> list[str]:
    """Return what happened, one line each, and then how far the attempts are."""
    return [*map(_event, news.events), *map(_attempt, news.attempts)]


def _event(event: EventOut) -> str:
    data = event.data
    if event.kind == MOVE:
        words = f"{data['from']} -> {data['to']}".replace("_", " ")
        said = f"{words} ({data['reason']})" if data.get("reason") else words
    else:
        source, target = data.get("source", ""), data.get("target", "")
        said = f"{event.kind} {source} -> {target}" if target else event.kind
    return f"{event.at:%Y-%m-%d %H:%M:%S}  {said}"


def _attempt(attempt: AttemptLine) -> str:
    share = f" {100 * attempt.done // attempt.total} %" if attempt.total else ""
    phase = f": {attempt.phase}" if attempt.phase else ""
    return f"  attempt {attempt.number} ({attempt.method}) {attempt.state}{phase}{share}"


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    return f"{value:%Y-%m-%d %H:%M}" if hasattr(value, "hour") else str(value)
