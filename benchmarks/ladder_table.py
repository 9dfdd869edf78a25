"""The numbers of ``benchmarks/ladder.py`` as ``docs/ladder.md``, and what the planner begins with.

    PYTHONPATH=.:platform python -m benchmarks.ladder_table benchmarks/results/ladder.json

The planner's line is what :mod:`benchmarks.climbs` found.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.climbs import priors_of
from benchmarks.document import put
from benchmarks.ladder import SEARCHED, TIERS, Cell
from contract.canonical import read_json, write_json
from expunge.jobs.track_record import PRIOR_FILE

DOCUMENT = Path("docs/ladder.md")
CLIMBS = Path("benchmarks/results/climbs.json")


def table(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield the table of methods, and the planner's line."""
    yield (
        "| method | behavioural | erasure | CPU s | cost of a retrain | worst | loss of accuracy "
        "| stopped by |"
    )
    yield "|---|---|---|---|---|---|---|---|"
    rows = sorted(found["rows"], key=_rank)
    for row in rows:
        passes = [_rate(row["passes"][tier]) for tier in TIERS]
        stopped = ", ".join(f"{name} {count}" for name, count in row["findings"].items())
        yield (
            f"| {row['row'].replace(SEARCHED, ', searched')} | {passes[0]} | {passes[1]} | "
            f"{_share(row['cost'])} | {_share(row['ratio'])} | {_share(row['worst_ratio'])} | "
            f"{_loss(row)} | {stopped} |"
        )
    ended = read_json(CLIMBS)
    yield (
        f"| *the planner* | | {_rate(ended['passes'])} | | {_share(ended['ratio'])} | "
        f"{_share(ended['worst_ratio'])} | | {ended['attempts']:.2f} attempts a person |"
    )


def _rank(row: Mapping[str, Any]) -> tuple[float, float]:
    return -row["passes"]["erasure"]["hits"], row["ratio"] or 0.0


def _rate(found: Mapping[str, float]) -> str:
    return f"{found['hits']}/{found['trials']} [{found['low']:.0%}, {found['high']:.0%}]"


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _loss(row: Mapping[str, Any]) -> str:
    if row["lost"] is None:
        return ""
    return f"{max(row['lost'], 0.0):.1%} (worst {max(row['worst_lost'], 0.0):.1%})"


def _settings(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield which settings the rows took that are not at their defaults."""
    taken: dict[str, list[str]] = {}
    for row in found["rows"]:
        if row["settings"]:
            taken.setdefault(json.dumps(row["settings"]), []).append(f"`{row['row']}`")
    if taken:
        lines = (f"{', '.join(rows)}: `{settings}`" for settings, rows in sorted(taken.items()))
        yield f"Not at their defaults, which are for larger models: {'; '.join(lines)}."


def main() -> None:
    """Put the table into the document and the priors beside the planner."""
    found = json.loads(Path(sys.argv[1]).read_text())
    cells = [Cell(**{**cell, "metrics": {}}) for cell in found["cells"]]
    said = f"{found['persons']} persons, seeds {found['seeds']}, {found['date']}."
    put(DOCUMENT, [*table(found), "", said, "", *_settings(found)])
    tiers = {
        tier: {name: vars(prior) for name, prior in priors_of(cells, tier).items()}
        for tier in TIERS
    }
    write_json(PRIOR_FILE, {"tiers": tiers})


if __name__ == "__main__":
    main()
