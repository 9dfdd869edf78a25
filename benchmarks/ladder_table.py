"""The numbers of ``benchmarks/ladder.py`` as ``docs/ladder.md``, and what the planner begins with.

    PYTHONPATH=.:platform python -m benchmarks.ladder_table benchmarks/results/ladder.json

Also plays the planner over the measured attempts: person by person of each world, in order, it
tries what it would try, with what it has seen of that world and of the *other* worlds. So no
person's own result decides what is tried for them first.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.document import put
from benchmarks.ladder import REFERENCE, SEARCHED, TIERS, Cell
from benchmarks.verifier_power import rate
from contract.canonical import write_json
from expunge.jobs.planner import Past, ladder_for, next_step
from expunge.jobs.states import AttemptState
from expunge.jobs.track_record import PRIOR_FILE, Plan, Prior, Trials, make_plan

DOCUMENT = Path("docs/ladder.md")


@dataclass(frozen=True)
class Climb:
    """What a planner did for one person: the methods tried, and what they cost together."""

    tried: tuple[str, ...]
    passed: bool
    ratio: float


def priors_of(cells: Sequence[Cell], tier: str) -> dict[str, Prior]:
    """Return what a planner may know of the methods from these cells."""
    whole = {(c.seed, c.person): c.cost for c in cells if c.row == REFERENCE}
    found = {}
    rungs = {rung.method for rung in ladder_for("whole", tier)}
    for row in sorted(rungs & {cell.row for cell in cells}):
        own = [c for c in cells if c.row == row and (c.seed, c.person) in whole]
        if own:
            shares = [cell.cost / whole[cell.seed, cell.person] for cell in own]
            passes = sum(cell.passes(tier) for cell in own)
            found[row] = Prior(len(own), passes, round(sum(shares) / len(shares), 4))
    return found


def climbs(cells: Sequence[Cell], tier: str, *, learned: bool) -> list[Climb]:
    """Return what the planner, or the ladder's own order, would have done for every person."""
    by_key = {(cell.row, cell.seed, cell.person): cell for cell in cells}
    methods = [rung.method for rung in ladder_for("whole", tier)]
    found = []
    for seed in sorted({cell.seed for cell in cells}):
        others = priors_of([cell for cell in cells if cell.seed != seed], tier)
        seen: list[Cell] = []
        for person in sorted({cell.person for cell in cells if cell.seed == seed}):
            plan = make_plan(methods, _trials(seen, tier), others) if learned else None
            tried = list(_climb(by_key, seed, person, tier, plan))
            if not tried:
                continue
            seen.extend(tried)
            whole = by_key[REFERENCE, seed, person].cost
            found.append(
                Climb(
                    tuple(cell.row for cell in tried),
                    tried[-1].passes(tier),
                    sum(cell.cost for cell in tried) / whole,
                )
            )
    return found


def _climb(
    cells: Mapping[Any, Cell], seed: int, person: int, tier: str, plan: Plan | None
) -> Iterator[Cell]:
    """Yield the attempts for one person until one passes or none is left."""
    past: list[Past] = []
    while (step := next_step(layout="whole", profile=tier, past=past, plan=plan)).rung is not None:
        cell = cells.get((step.rung.method, seed, person))
        if cell is None:
            return
        yield cell
        if cell.passes(tier):
            return
        past.append(Past(cell.row, AttemptState.REFUTED))


def _trials(seen: Sequence[Cell], tier: str) -> dict[str, Trials]:
    found = {}
    for row in sorted({cell.row for cell in seen}):
        own = [cell for cell in seen if cell.row == row]
        found[row] = Trials(
            len(own),
            sum(cell.passes(tier) for cell in own),
            sum(cell.cost for cell in own) / len(own),
            0.0,
        )
    return found


def table(found: Mapping[str, Any], cells: Sequence[Cell]) -> Iterator[str]:
    """Yield the table of methods and planners."""
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
    for title, learned in (("*ladder's own order*", False), ("*learned order*", True)):
        played = climbs(cells, "erasure", learned=learned)
        if played:
            hits = rate(sum(climb.passed for climb in played), len(played))
            mean = sum(climb.ratio for climb in played) / len(played)
            worst = max(climb.ratio for climb in played)
            attempts = sum(len(climb.tried) for climb in played) / len(played)
            yield (
                f"| {title} | | {_rate(hits)} | | {_share(mean)} | {_share(worst)} | | "
                f"{attempts:.2f} attempts a person |"
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
    put(DOCUMENT, [*table(found, cells), "", said, "", *_settings(found)])
    tiers = {
        tier: {name: vars(prior) for name, prior in priors_of(cells, tier).items()}
        for tier in TIERS
    }
    write_json(PRIOR_FILE, {"tiers": tiers})


if __name__ == "__main__":
    main()
