"""What does a verified erasure cost, against a full retrain? Wall-clock ratios, in one run.

``python -m benchmarks.against_retrain`` trains the default hospital, asks to forget one person
with each method, attacks each result, and prints seconds and their ratio to the retrain. Times
leave out the start of Python. Everything runs on one thread, as the demonstration does.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import torch

from benchmarks.candidates import judged, world
from contract.result import read_result

METHODS = ("npo", "undo", "renew", "retrain")


def main() -> None:
    """Parse the command line and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--persons", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        place = world(Path(folder), options.seed, small=False)
        trained = read_result(place.original().parent)
        print(f"training the original: {trained.seconds:.0f} s")
        print("person  method   unlearn  verify  passes  unlearn/retrain  both/retrain  verdict")
        for number, person in enumerate(place.persons[: options.persons]):
            rows = {}
            for method in METHODS:
                model = place.candidate(method, person)
                report = judged(place, person, model, Path(folder) / f"verify-{number}-{method}")
                rows[method] = (read_result(model.parent).seconds, report)
            whole = rows["retrain"][0]
            for method, (seconds, report) in rows.items():
                print(
                    f"{number:>6}  {method:<8} {seconds:>6.1f}s {report.seconds:>6.1f}s "
                    f"{report.forward_passes:>7} {seconds / whole:>16.2f} "
                    f"{(seconds + report.seconds) / whole:>13.2f}  {report.verdict.value}"
                )


if __name__ == "__main__":
    main()
