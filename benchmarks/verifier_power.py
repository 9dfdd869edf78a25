"""How often is the verifier wrong? Its error rates on models whose truth is known.

For several persons in several worlds it makes models of every kind (:mod:`benchmarks.kinds`) and
verifies each. A *false pass* is a PASS of a liar, by tier; a *false fail* is an honest retrain
that does not pass. Intervals are Clopper-Pearson, 95 %.

    python -m benchmarks.verifier_power --persons 4 --seeds 0 1 2 --folder var/verifier-power

A candidate that one of the behavioural tier's own mandatory checks does not pass cannot pass the
erasure tier, which demands all of them and more; the costlier checks are then left out, unless
``--whole`` asks for them. Models and results are kept in the folder, so an interrupted run goes on
where it stopped and a changed profile re-uses what did not change; ``--decide`` makes nothing new
and applies today's profiles to what is there. ``--also`` runs further checks and tables what they
catch.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter

from benchmarks.candidates import World, carried_out, planned, world
from benchmarks.kinds import KINDS
from contract.canonical import read_json
from contract.catalog import Effect
from contract.report import REPORT_FILE, CheckResult, Report, Verdict, read_report
from verification.evidence import Evidence
from verification.policy import decide
from verification.profiles import PROFILES, Profile
from verification.signals import Signals
from verification.statistics import clopper_pearson
from verification.stored import RESULTS_FOLDER

TIERS = ("behavioural", "erasure")
_RESULTS = TypeAdapter(tuple[CheckResult, ...])


@dataclass(frozen=True)
class Case:
    """One verified model: its kind, where it is from, its raw results and what they cost."""

    kind: str
    seed: int
    person: int
    report: Report
    results: tuple[CheckResult, ...]

    def verdict(self, tier: str) -> Verdict:
        """Return what a tier's profile of today says of the results."""
        profile = PROFILES[tier]
        if hopeless(PROFILES[TIERS[0]], self.results) and tier != TIERS[0]:
            # It demands what was already not met; only FAIL or INCONCLUSIVE is left.
            return min(self.verdict(TIERS[0]), Verdict.INCONCLUSIVE, key=_severity)
        return decide(profile, _evidence(self)).verdict


def _severity(verdict: Verdict) -> int:
    return [Verdict.INVALID, Verdict.FAIL, Verdict.INCONCLUSIVE].index(verdict)


def _evidence(case: Case) -> Evidence:
    report = case.report
    return Evidence(
        gates=report.gates,
        checks=case.results,
        effect=Effect.REMOVAL,
        records=report.records,
        twins=report.twins,
        twin_subjects=report.twin_subjects,
    )


def hopeless(profile: Profile, results: Sequence[CheckResult]) -> bool:
    """Say whether a mandatory check's own verdict already rules a pass out."""
    return any(
        not (
            item.verdict is Verdict.PASS
            or (asked.may_not_apply and item.verdict is Verdict.NOT_APPLICABLE)
        )
        for item in results
        if (asked := profile.requirement(item.check, item.attack)) is not None
    )


@dataclass
class Bench:
    """Verifies the candidates of one world; models are asked each question once."""

    options: argparse.Namespace
    place: World
    signals: Signals = field(default_factory=Signals)
    plans: set[Path] = field(default_factory=set)

    @property
    def folder(self) -> Path:
        """Return where the verifications are kept."""
        return self.place.folder / "verifications"

    def case(self, index: int, kind: str) -> Case | None:
        """Verify a candidate as far as needed, or read what an earlier run found."""
        folder = self.folder / f"{kind}-{index}"
        if self.options.decide and not (folder / REPORT_FILE).exists():
            return None
        if not self.options.decide:
            self._verify(folder, index, kind)
        return Case(kind, self.place.recipe.seed, index, read_report(folder), _results(folder))

    def _verify(self, folder: Path, index: int, kind: str) -> None:
        whole = self.options.whole or index < self.options.measured or KINDS[kind].honest
        if not whole:
            self._judge(folder, index, kind, TIERS[0])
            whole = not hopeless(PROFILES[TIERS[0]], _results(folder))
        if whole:
            self._judge(folder, index, kind, TIERS[1])

    def _judge(self, folder: Path, index: int, kind: str, tier: str) -> None:
        person = self.place.persons[index]
        also = tuple(self.options.also)
        plan = self.folder / f"plan-{tier}-{index}"
        if plan not in self.plans:
            self.plans.add(planned(self.place, person, plan, tier, also))
        model = self.place.candidate(kind, person)
        carried_out(plan, model, folder, self.signals)


def _results(folder: Path) -> tuple[CheckResult, ...]:
    """Return what every check said, before any correction for multiplicity."""
    files = sorted((folder / RESULTS_FOLDER).glob("*.json"))
    found = [
        item for file in files for item in _RESULTS.validate_python(read_json(file)["results"])
    ]
    return tuple({(item.check, item.attack): item for item in found}.values())


def cases(options: argparse.Namespace) -> Iterator[Case]:
    """Yield every case, kinds innermost, and say its verdicts."""
    for seed in options.seeds:
        place = world(options.folder, seed, together=options.together)
        bench = Bench(options, place)
        for index in range(options.first, options.first + options.persons):
            for kind in options.kinds:
                case = bench.case(index, kind)
                if case is None:
                    continue
                verdicts = "  ".join(f"{tier} {case.verdict(tier).value:12}" for tier in TIERS)
                print(f"seed {seed} person {index} {kind:12} {verdicts}", flush=True)
                for reason in case.report.reasons if KINDS[kind].honest else ():
                    print(f"    {reason[:150]}", flush=True)
                yield case


def rate(hits: int, trials: int) -> dict[str, Any]:
    """Return a rate with its interval."""
    low, high = clopper_pearson(hits, trials)
    return {"hits": hits, "trials": trials, "low": round(low, 4), "high": round(high, 4)}


def by_kind(found: Sequence[Case]) -> list[dict[str, Any]]:
    """Return, for every kind and tier, how often it passed."""
    rows = []
    for kind, making in KINDS.items():
        own = [case for case in found if case.kind == kind]
        if own:
            passes = {
                tier: rate(sum(c.verdict(tier) is Verdict.PASS for c in own), len(own))
                for tier in TIERS
            }
            fails = sum(case.verdict(TIERS[1]) is Verdict.FAIL for case in own)
            rows.append(
                {
                    "kind": kind,
                    "title": making.title,
                    "honest": making.honest,
                    "passes": passes,
                    "refuted": fails,
                }
            )
    return rows


def by_check(found: Sequence[Case]) -> list[dict[str, Any]]:
    """Return, for every check (after its attack) and kind, how often each verdict was given."""
    table: dict[tuple[str, str | None], dict[str, dict[str, int]]] = {}
    for case in found:
        for item in case.results:
            counts = table.setdefault((item.check, item.attack), {}).setdefault(case.kind, {})
            counts[item.verdict.value] = counts.get(item.verdict.value, 0) + 1
    return [
        {"check": check, "attack": attack, "kinds": kinds}
        for (check, attack), kinds in sorted(
            table.items(), key=lambda row: (row[0][0], row[0][1] or "")
        )
    ]


def costs(found: Sequence[Case]) -> dict[str, float]:
    """Return mean forward passes and seconds of the verifications that went the whole way."""
    whole = [case for case in found if any(item.check == "relearning" for item in case.results)]
    return {
        "whole_verifications": len(whole),
        "forward_passes": round(
            sum(sum(i.forward_passes for i in c.results) for c in whole) / max(len(whole), 1)
        ),
        "seconds": round(
            sum(sum(i.seconds for i in c.results) for c in whole) / max(len(whole), 1), 1
        ),
    }


def summary(options: argparse.Namespace, found: Sequence[Case]) -> Mapping[str, Any]:
    """Return everything there is to say, as JSON-like data."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "seeds": options.seeds,
        "persons": len({(case.seed, case.person) for case in found}),
        "together": options.together,
        "profiles": {tier: PROFILES[tier].version for tier in TIERS},
        "kinds": by_kind(found),
        "checks": by_check(found),
        "cost": costs(found),
    }


def show(rates: Mapping[str, Any]) -> None:
    """Print passes by kind and tier."""
    print(f"\n{'passes':34} {'behavioural':>26} {'erasure':>26}")
    for row in rates["kinds"]:
        cells = []
        for tier in TIERS:
            got = row["passes"][tier]
            cells.append(
                f"{got['hits']:3}/{got['trials']:<3} [{got['low']:.1%}, {got['high']:.1%}]"
            )
        print(f"{row['title']:42} {cells[0]:>24} {cells[1]:>24}")


def main() -> None:
    """Make the models, verify them and print the rates."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--persons", type=int, default=4)
    parser.add_argument("--first", type=int, default=0, help="index of the first person")
    parser.add_argument("--together", type=int, default=4, help="persons forgotten by one model")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--kinds", nargs="+", choices=list(KINDS), default=list(KINDS))
    parser.add_argument("--also", nargs="*", default=[], help="checks beyond the profiles'")
    parser.add_argument("--whole", action="store_true", help="leave no check out")
    parser.add_argument(
        "--measured", type=int, default=0, help="persons a seed left nothing out of"
    )
    parser.add_argument("--decide", action="store_true", help="only decide again")
    parser.add_argument("--folder", type=Path, default=Path("var/verifier-power"))
    parser.add_argument("--output", type=Path, help="where to write the rates as JSON")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rates = summary(options, list(cases(options)))
    show(rates)
    if options.output:
        options.output.write_text(json.dumps(rates, indent=1) + "\n")


if __name__ == "__main__":
    main()
