"""What the planner does with the ladder that the platform has, and what its tries cost.

Person by person of each world, in order, the planner of the platform says what to try, with what
it has seen of that world and of the *other* worlds: no person's own result decides what is tried
for them first. The first try of a request is the cell that :mod:`benchmarks.ladder` measured.
Every later one is carried out here as the platform would: a second try of a method with a seed of
its own, the verifier at the stricter level that a further candidate is held to, and an exact rung
by its own profile, with the list of what it was trained on. Costs are shares of a full retrain for
the same person that was carried out beside the try, for CPU seconds depend on what else runs.

    PYTHONPATH=.:platform python -m benchmarks.climbs --output benchmarks/results/climbs.json

Tries are kept in the folder, so an interrupted run goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from benchmarks.candidates import World, carried_out, prepared, world
from benchmarks.ladder import CELL, REFERENCE, TIERS, Bench, Cell, findings_of
from benchmarks.verifier_power import rate
from contract.canonical import read_json, write_json
from contract.catalog import Effect
from contract.job import write_job
from contract.record import write_records
from contract.report import Verdict
from expunge.jobs.planner import Past, Rung, ladder_for, next_step
from expunge.jobs.states import AttemptState
from expunge.jobs.track_record import Plan, Prior, Trials, make_plan
from verification.run import preregister

TIER = TIERS[-1]
LINEAGE = "data/lineage.jsonl"


@dataclass(frozen=True)
class Try:
    """One attempt for a person; ``number`` counts from 1 over all methods.

    ``cost`` is the share of a full retrain's.
    """

    method: str
    number: int
    cost: float
    verdict: str
    findings: Sequence[str] = ()

    @property
    def passed(self) -> bool:
        """Say whether it ends the climb."""
        return self.verdict == Verdict.PASS


@dataclass
class Climber:
    """Carries out what the planner says for the persons of one world."""

    place: World
    cells: Mapping[tuple[str, int], Cell]
    bench: Bench = field(init=False)

    def __post_init__(self) -> None:
        """Have the bench of the ladder's own rows at hand."""
        self.bench = Bench(self.place, {})

    def climb(self, person: int, seen: Sequence[Try], others: Mapping[str, Prior]) -> list[Try]:
        """Return the tries for a person until one passes or the planner has no more."""
        tried: list[Try] = []
        while True:
            plan = plan_from([*seen, *tried], others)
            past = [
                Past(
                    item.method,
                    AttemptState.REFUTED,
                    finding=" and ".join(item.findings),
                    verdict=item.verdict,
                )
                for item in tried
            ]
            step = next_step(layout="whole", profile=TIER, past=past, plan=plan)
            if step.rung is None:
                return tried
            tried.append(self._try(step.rung, person, tried))
            if tried[-1].passed:
                return tried

    def _try(self, rung: Rung, person: int, tried: Sequence[Try]) -> Try:
        """Return the ladder's own cell for a first try, else what is carried out now."""
        if not tried:
            cell, whole = self.cells[rung.method, person], self.cells[REFERENCE, person]
            share = round(cell.cost / whole.cost, 4)
            return Try(rung.method, 1, share, cell.verdicts[TIER], cell.findings)
        number = len(tried) + 1
        folder = self.place.folder / "climbs" / f"{person}-{number}-{rung.method}"
        if not (folder / CELL).exists():
            again = sum(item.method == rung.method for item in tried)
            spent = self._made(folder, rung, person, again)
            cost = round(spent / self._beside(folder / "beside", rung, person, spent), 4)
            write_json(folder / CELL, asdict(self._verified(folder, rung, person, number, cost)))
        return Try(**read_json(folder / CELL))

    def _made(self, folder: Path, rung: Rung, person: int, again: int) -> float:
        """Make the model, with a seed that no try had before; return the CPU seconds."""
        began = time.process_time()
        key = self.place.persons[person]
        # An exact route draws its start by the recipe's seed, the others by the job's.
        recipe = self.place.recipe
        seed = recipe.seed + 1000 * again
        place = replace(self.place, recipe=replace(recipe, seed=seed))
        bench = Bench(place if rung.effect is Effect.EXACT else self.place, {})
        result = bench.unlearned(folder / "unlearn", rung.method, key, rung.settings, seed=again)
        if result.failure is not None:
            raise RuntimeError(result.failure.message)
        return time.process_time() - began

    def _beside(self, folder: Path, rung: Rung, person: int, spent: float) -> float:
        """Return the CPU seconds of a full retrain carried out now, unless the try was one."""
        last = ladder_for("whole", TIER)[-1]
        return spent if rung == last else self._made(folder, last, person, 0)

    def _verified(self, folder: Path, rung: Rung, person: int, number: int, cost: float) -> Try:
        check = folder / "verify"
        shutil.rmtree(check, ignore_errors=True)
        key = self.place.persons[person]
        job = prepared(self.place, key, check, rung.profile or TIER)
        exact = rung.effect is Effect.EXACT
        if exact:
            write_records(check / LINEAGE, self.place.split(key)[1])
        job = replace(
            job,
            effect=rung.effect.value,
            earlier_attempts=number - 1,
            seed=job.seed + number,
            lineage=(LINEAGE,) if exact else (),
        )
        write_job(check, job)
        preregister(check)
        report = carried_out(check, folder / "unlearn/output", check, self.bench.signals)
        return Try(rung.method, number, cost, report.verdict.value, findings_of(report))


def plan_from(seen: Sequence[Try], others: Mapping[str, Prior]) -> Plan | None:
    """Return the plan that the platform would make of these tries."""
    trials = {}
    for method in sorted({item.method for item in seen}):
        own = [item for item in seen if item.method == method]
        cost = sum(item.cost for item in own) / len(own)
        trials[method] = Trials(len(own), sum(item.passed for item in own), cost, 0.0)
    return make_plan([rung.method for rung in ladder_for("whole", TIER)], trials, others)


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


def climbs(folder: Path, cells: Sequence[Cell]) -> Iterator[dict[str, Any]]:
    """Yield every person's climb, with its cost as a share of a full retrain for them."""
    for seed in sorted({cell.seed for cell in cells}):
        own = {(cell.row, cell.person): cell for cell in cells if cell.seed == seed}
        others = priors_of([cell for cell in cells if cell.seed != seed], TIER)
        climber = Climber(world(folder, seed), own)
        seen: list[Try] = []
        for person in sorted({person for row, person in own if row == REFERENCE}):
            tried = climber.climb(person, seen, others)
            seen.extend(tried)
            cost = sum(item.cost for item in tried)
            said = ", ".join(f"{item.method} {item.verdict}" for item in tried)
            print(f"seed {seed} person {person}: {said}; {cost:.2f} of a retrain", flush=True)
            yield {
                "seed": seed,
                "person": person,
                "passed": tried[-1].passed,
                "ratio": round(cost, 4),
                "tries": [asdict(item) for item in tried],
            }


def summary(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what the climbs came to."""
    ratios = [item["ratio"] for item in found]
    return {
        "tier": TIER,
        "passes": rate(sum(item["passed"] for item in found), len(found)),
        "ratio": round(sum(ratios) / len(ratios), 4),
        "worst_ratio": round(max(ratios), 3),
        "attempts": round(sum(len(item["tries"]) for item in found) / len(found), 4),
        "climbs": list(found),
    }


def main() -> None:
    """Climb for every person of the ladder's results and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--folder", type=Path, default=Path("var/ladder"))
    parser.add_argument("--cells", type=Path, default=Path("benchmarks/results/ladder.json"))
    parser.add_argument("--output", type=Path, help="where to write the results as JSON")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = {rung.method for rung in ladder_for("whole", TIER)}
    content = json.loads(options.cells.read_text(encoding="utf-8"))["cells"]
    cells = [Cell(**{**cell, "metrics": {}}) for cell in content if cell["row"] in rows]
    found = list(climbs(options.folder, cells))
    if options.output:
        options.output.write_text(json.dumps(summary(found), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
