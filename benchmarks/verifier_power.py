"""How often is the verifier wrong? Prints its error rates on models whose truth is known.

For several persons and seeds it makes models that deleted nothing, refuse, were destroyed, were
unlearned by NPO at its defaults, or were honestly retrained, and verifies each. A *false pass* is
a PASS of anything but the retrain; a *false fail* is a FAIL of the retrain; *inconclusive* is
counted for the retrain. Intervals are Clopper-Pearson, 95 %.

    python -m benchmarks.verifier_power --persons 4 --seeds 3 --folder var/verifier-power

Models are kept in the folder, so an interrupted run goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from benchmarks.candidates import KINDS, judged, world
from contract.report import REPORT_FILE, Report, Verdict, read_report
from verification.statistics import clopper_pearson

HONEST = "retrain"


def verified(options: argparse.Namespace) -> Iterator[tuple[str, Report]]:
    """Yield the kind of every model and its report."""
    for seed in range(options.seeds):
        place = world(options.folder, seed, small=not options.full)
        for index, person in enumerate(place.persons[: options.persons]):
            for kind in options.kinds:
                folder = place.folder / "verifications" / options.profile / f"{kind}-{index}"
                if not (folder / REPORT_FILE).exists():
                    model = place.candidate(kind, person)
                    judged(place, person, model, folder, options.profile)
                report = read_report(folder)
                print(f"seed {seed} person {index} {kind:8} {report.verdict}", flush=True)
                yield kind, report


def rate(label: str, hits: int, trials: int) -> dict[str, object]:
    """Print and return a rate with its interval."""
    if trials == 0:
        return {"label": label, "trials": 0}
    low, high = clopper_pearson(hits, trials)
    print(f"{label:34} {hits:3}/{trials:<3} = {hits / trials:6.1%}  [{low:.1%}, {high:.1%}]")
    return {"label": label, "hits": hits, "trials": trials, "low": low, "high": high}


def main() -> None:
    """Make the models, verify them and print the rates."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--persons", type=int, default=4)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--profile", default="erasure")
    parser.add_argument("--full", action="store_true", help="the default hospital, not a small one")
    parser.add_argument("--folder", type=Path, default=Path("var/verifier-power"))
    options = parser.parse_args()
    began = time.monotonic()
    reports: dict[str, list[Report]] = defaultdict(list)
    for kind, report in verified(options):
        reports[kind].append(report)
    print()
    rows = []
    for kind, found in reports.items():
        verdicts = [report.verdict for report in found]
        if kind == HONEST:
            rows.append(
                rate("false fail, honest retrain", verdicts.count(Verdict.FAIL), len(found))
            )
            unclear = len(found) - verdicts.count(Verdict.FAIL) - verdicts.count(Verdict.PASS)
            rows.append(rate("not settled, honest retrain", unclear, len(found)))
        else:
            rows.append(rate(f"false pass, {kind}", verdicts.count(Verdict.PASS), len(found)))
    everything = [report for found in reports.values() for report in found]
    passes = sum(report.forward_passes for report in everything) / len(everything)
    seconds = sum(report.seconds for report in everything) / len(everything)
    print(f"forward passes per verification    {passes:.0f}")
    print(f"seconds per verification           {seconds:.1f}")
    summary = {
        "profile": options.profile,
        "persons": options.persons,
        "seeds": options.seeds,
        "rates": rows,
        "forward_passes": passes,
        "seconds": seconds,
        "wall": time.monotonic() - began,
    }
    (options.folder / "rates.json").write_text(json.dumps(summary, indent=1) + "\n")


if __name__ == "__main__":
    main()
