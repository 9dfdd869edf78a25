"""Which method passes which tier, at what cost, and what the planner makes of it.

Every person of several small worlds (:mod:`benchmarks.candidates`) asks alone to be forgotten.
Each row (:mod:`benchmarks.rows`) is a method with its settings, or with the strength that the
automatic search (:mod:`unlearning.search`) found for the world's model; ``retrain`` is the recipe
carried out again without the person. Each result is verified: under the behavioural tier first, and
under the erasure tier unless the first already rules it out.

    python -m benchmarks.ladder --rows renew undo retrain --output benchmarks/results/ladder.json

Costs are **CPU time of the process**, on one thread, so that other work on the machine does not
count; a row's cost is divided by that of ``retrain`` for the same person. A search is paid for by
the person who comes first and spread over the world's persons. Models, verdicts and costs are kept
in the folder: an interrupted run goes on where it stopped. A row added later joins those that the
folder or the output holds.
The verifier never sees what the methods, the search or the stopping rule look at.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from benchmarks.candidates import DATA, World, carried_out, planned, world
from benchmarks.rows import row_of
from benchmarks.verifier_power import TIERS, hopeless, rate
from contract.canonical import read_json, write_json
from contract.job import UnlearningJob, write_job
from contract.record import write_records
from contract.report import Report, Verdict
from contract.result import Result, read_result
from corpora.assignment import Arm, SubjectKey
from unlearning.registry import methods
from unlearning.run import run as unlearn
from verification.profiles import PROFILES
from verification.signals import Signals

SEARCHED = "+search"
REFERENCE = "retrain"
CELL = "cell.json"


@dataclass(frozen=True)
class Cell:
    """One person forgotten by one row's method, and verified.

    ``unlearning`` and ``verifying`` are CPU seconds; ``searching`` this person's share of the
    search. ``lost`` is the worst relative loss of accuracy on what is kept, ``left`` the share of
    the memorisation that is left and ``told`` the AUC of the loss against strangers, where they
    were noted. ``failure`` says why there is no model.
    """

    row: str
    seed: int
    person: int
    unlearning: float
    searching: float = 0.0
    verifying: float = 0.0
    verdicts: Mapping[str, str] = field(default_factory=dict)
    lost: float | None = None
    left: float | None = None
    told: float | None = None
    findings: Sequence[str] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)
    failure: str = ""

    def passes(self, tier: str) -> bool:
        """Say whether the tier was passed."""
        return self.verdicts.get(tier) == Verdict.PASS

    @property
    def cost(self) -> float:
        """Return what the erasure took, without its verification."""
        return self.unlearning + self.searching


@dataclass
class Bench:
    """Forgets and verifies the persons of one world."""

    place: World
    searching: Mapping[str, Any]
    signals: Signals = field(default_factory=Signals)

    def cell(self, row: str, index: int, persons: int) -> Cell:
        """Return what became of a person, from the folder if it is known there."""
        folder = self.place.folder / "ladder" / f"{row}-{index}"
        if not (folder / CELL).exists():
            write_json(folder / CELL, asdict(self._made(folder, row, index, persons)))
        return Cell(**read_json(folder / CELL))

    def _made(self, folder: Path, row: str, index: int, persons: int) -> Cell:
        name, searched, _ = row.partition(SEARCHED)
        known, person = row_of(name), self.place.persons[index]
        method, settings, spent = known.method, known.settings, 0.0
        if searched:
            settings, spent = self._found(method, persons)
        began = time.process_time()
        result = self.unlearned(folder / "unlearn", method, person, settings)
        cell = Cell(row, self.place.recipe.seed, index, time.process_time() - began, spent)
        if result.failure is not None:
            return replace(cell, failure=result.failure.message)
        return self._verified(folder, person, replace(cell, metrics=result.metrics))

    def _found(self, method: str, persons: int) -> tuple[Mapping[str, Any], float]:
        """Return the settings that the search finds on the first person, and each one's share."""
        folder = self.place.folder / "ladder" / f"{method}{SEARCHED}"
        if not (folder / "found.json").exists():
            began = time.process_time()
            settings = {**self.searching, "method": method}
            result = self.unlearned(folder, "searched", self.place.persons[0], settings)
            if result.failure is not None:
                raise RuntimeError(result.failure.message)
            name = f"search_{methods()[method].card.axis.setting}"
            found = {name.removeprefix("search_"): result.metrics[name]}
            spent = time.process_time() - began
            write_json(folder / "found.json", {"settings": found, "spent": spent})
        found = read_json(folder / "found.json")
        return found["settings"], found["spent"] / persons

    def unlearned(
        self,
        folder: Path,
        method: str,
        person: SubjectKey,
        settings: Mapping[str, Any],
        *,
        seed: int = 0,
    ) -> Result:
        """Run an unlearning job for one person."""
        forget, rest = self.place.split(person)
        (folder / "data").mkdir(parents=True, exist_ok=True)
        sets = {
            "forget": forget,
            "retain": rest,
            "calibration": self.place.dataset.split_twins()[0],
            "public": self.place.dataset.arm(Arm.PUBLIC),
        }
        for name, records in sets.items():
            write_records(folder / f"data/{name}.jsonl", records)
        original = self.place.reference(self.place.original())
        job = UnlearningJob(
            method, self.place.recipe, DATA, original, settings, seed=seed, device="cpu"
        )
        write_job(folder, job)
        unlearn(folder)
        return read_result(folder)

    def _verified(self, folder: Path, person: SubjectKey, cell: Cell) -> Cell:
        began = time.process_time()
        model = folder / "unlearn" / "output"
        verdicts: dict[str, str] = {}
        report = None
        for tier in TIERS:
            if report is not None and hopeless(PROFILES[TIERS[0]], report.checks):
                verdicts[tier] = verdicts[TIERS[0]]
                continue
            plan = folder.parent / f"plan-{tier}-{cell.person}"
            if not plan.exists():
                planned(self.place, person, plan, tier)
            report = carried_out(plan, model, folder / "verify", self.signals)
            verdicts[tier] = report.verdict.value
        return replace(
            cell,
            verifying=time.process_time() - began,
            verdicts=verdicts,
            lost=_estimate(report, "utility"),
            left=_estimate(report, "residual", "Residual fraction of the memorisation"),
            told=_estimate(report, "membership", "Loss attack, AUC"),
            findings=findings_of(report),
        )


def _estimate(report: Report | None, check: str, name: str = "") -> float | None:
    values = [
        estimate.value
        for item in (report.checks if report else ())
        if item.check == check and not item.attack
        for estimate in item.estimates
        if name in {"", estimate.name}
    ]
    return max(values, default=None)


def findings_of(report: Report | None) -> list[str]:
    """Name the mandatory checks that were not passed."""
    names = (
        f"{item.check}+{item.attack}" if item.attack else item.check
        for item in (report.checks if report else ())
        if item.mandatory and item.verdict in {Verdict.FAIL, Verdict.INCONCLUSIVE}
    )
    return list(dict.fromkeys(names))


def cells(options: argparse.Namespace) -> Iterator[Cell]:
    """Yield every cell, rows innermost so that costs are compared side by side; say each."""
    for seed in options.seeds:
        benches: dict[str, Bench] = {}
        for index in range(options.persons):
            for row in options.rows:
                recipe = row_of(row.removesuffix(SEARCHED)).recipe
                if str(recipe) not in benches:
                    benches[str(recipe)] = _bench(options, seed, recipe)
                cell = benches[str(recipe)].cell(row, index, options.persons)
                said = "  ".join(f"{tier} {cell.verdicts.get(tier, '-'):12}" for tier in TIERS)
                print(
                    f"seed {seed} person {index} {row:24} {cell.cost:6.1f} s  {said} "
                    f"{cell.failure[:80] or ', '.join(cell.findings)[:80]}",
                    flush=True,
                )
                yield cell


def _bench(options: argparse.Namespace, seed: int, recipe: Mapping[str, Any]) -> Bench:
    place = world(options.folder, seed, recipe=recipe)
    place.original()
    return Bench(place, {"budget": options.budget})


def stored(folder: Path, output: Path | None = None) -> list[Cell]:
    """Return every cell that the folder holds, whatever run made it, and what else the output."""
    held = [Cell(**read_json(path)) for path in folder.glob(f"world-*/ladder/*/{CELL}")]
    if output is not None and output.exists():
        held = [*(Cell(**cell) for cell in read_json(output)["cells"]), *held]
    cells = {(cell.row, cell.seed, cell.person): cell for cell in held}
    return [cells[key] for key in sorted(cells)]


def row_summary(row: str, own: Sequence[Cell], reference: Mapping[Any, float]) -> dict[str, Any]:
    """Return a row of the table: pass rates, costs relative to the retrain, what was lost."""
    made = [cell for cell in own if not cell.failure]
    ratios = [
        cell.cost / reference[cell.seed, cell.person]
        for cell in made
        if (cell.seed, cell.person) in reference
    ]
    losses = [cell.lost for cell in made if cell.lost is not None]
    counts: dict[str, int] = {}
    for cell in made:
        for name in cell.findings:
            counts[name] = counts.get(name, 0) + 1
    return {
        "row": row,
        "settings": {} if SEARCHED in row else row_of(row).settings,
        "persons": len(own),
        "failures": sorted({cell.failure for cell in own if cell.failure}),
        "passes": {tier: rate(sum(cell.passes(tier) for cell in own), len(own)) for tier in TIERS},
        "cost": _mean([cell.cost for cell in made]),
        "searching": _mean([cell.searching for cell in made]),
        "ratio": _mean(ratios),
        "worst_ratio": round(max(ratios), 3) if ratios else None,
        "verifying": _mean([cell.verifying for cell in made]),
        "left": _mean([cell.left for cell in made if cell.left is not None]),
        "told": _mean([cell.told for cell in made if cell.told is not None]),
        "lost": _mean(losses),
        "worst_lost": round(max(losses), 4) if losses else None,
        "findings": dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))),
    }


def _mean(values: Sequence[float]) -> float | None:
    return round(sum(values) / len(values), 4) if values else None


def summary(found: Sequence[Cell]) -> dict[str, Any]:
    """Return everything there is to say, as JSON-like data."""
    reference = {(c.seed, c.person): c.cost for c in found if c.row == REFERENCE}
    rows = sorted({cell.row for cell in found})
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "seeds": sorted({cell.seed for cell in found}),
        "persons": len({(cell.seed, cell.person) for cell in found}),
        "profiles": {tier: PROFILES[tier].version for tier in TIERS},
        "clock": "CPU seconds of the process, one thread",
        "rows": [row_summary(row, [c for c in found if c.row == row], reference) for row in rows],
        "cells": [{k: v for k, v in asdict(c).items() if k != "metrics"} for c in found],
    }


def main() -> None:
    """Forget, verify and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", nargs="*", default=["renew", REFERENCE, "npo"])
    parser.add_argument("--persons", type=int, default=4, help="of each world")
    parser.add_argument("--seeds", type=int, nargs="+", default=[20, 21, 22])
    parser.add_argument("--budget", type=int, default=6, help="trials of a search")
    parser.add_argument("--folder", type=Path, default=Path("var/ladder"))
    parser.add_argument("--output", type=Path, help="where to write the results as JSON")
    options = parser.parse_args()
    torch.set_num_threads(1)
    for _ in cells(options):
        pass
    if options.output:
        found = summary(stored(options.folder, options.output))
        options.output.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
