"""Two requests for one model: one unlearning run for both, against one after the other.

``python -m benchmarks.batching`` trains a small hospital, forgets two persons in one run, then
the same two in two runs (the second starts from what the first one made), and prints the ratios
of wall time and of optimiser steps. Verification costs the same either way, for each request is
verified by itself; it is not part of the numbers. Everything runs on one thread.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch

from benchmarks.candidates import World, world
from contract.job import ModelRef, UnlearningData, UnlearningJob, write_job
from contract.manifest import folder_digest
from contract.record import write_records
from contract.result import Result, read_result
from corpora.assignment import Arm, SubjectKey
from unlearning.run import run as unlearn


def main() -> None:
    """Parse the command line and print the ratios."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--method", default="npo", choices=("npo", "undo", "retrain"))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        place = world(Path(folder), options.seed)
        first, second = place.persons[:2]
        original = place.original()
        both = forget(place, original, [first, second], (), options.method)
        one = forget(place, original, [first], (), options.method)
        other = forget(place, place.folder / one[0] / "output", [second], [first], options.method)
    apart = [one[1], other[1]]
    seconds = both[1].seconds / sum(item.seconds for item in apart)
    steps = _steps(both[1]) / sum(_steps(item) for item in apart)
    print(f"together: {both[1].seconds:.1f} s, {_steps(both[1]):.0f} steps")
    for item in apart:
        print(f"apart:    {item.seconds:.1f} s, {_steps(item):.0f} steps")
    print(f"together/apart: {seconds:.2f} of the time, {steps:.2f} of the steps")


def forget(
    place: World,
    model: Path,
    persons: Sequence[SubjectKey],
    gone: Sequence[SubjectKey],
    method: str,
) -> tuple[str, Result]:
    """Forget persons of a model that has forgotten others before; return name and result."""
    name = f"{method}-{len(persons)}-{len(gone)}"
    folder = place.folder / name
    (folder / "data").mkdir(parents=True)
    subject = place.dataset.subject_of
    trained = [item for item in place.dataset.arm(Arm.TRAINED) if subject(item) not in gone]
    write_records(folder / "data/forget.jsonl", [i for i in trained if subject(i) in persons])
    write_records(folder / "data/retain.jsonl", [i for i in trained if subject(i) not in persons])
    write_records(folder / "data/calibration.jsonl", place.dataset.split_twins()[0])
    start = ModelRef(str(model.resolve()), folder_digest(model))
    data = UnlearningData(calibration="data/calibration.jsonl")
    write_job(folder, UnlearningJob(method, place.recipe, data, start, device="cpu"))
    if unlearn(folder) != 0:
        message = f"{name}: {read_result(folder).failure}"
        raise RuntimeError(message)
    return name, read_result(folder)


def _steps(result: Result) -> float:
    return sum(value for name, value in result.metrics.items() if name.endswith("steps"))


if __name__ == "__main__":
    main()
