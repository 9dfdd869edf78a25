"""What happens to a model when requests keep coming, and when they are large.

Two questions of MUSE (arXiv 2407.06460), asked of a small hospital:

* *sustainability*: four persons ask one after the other. After each request the model is read: are
  all who asked so far forgotten, and what is left of the others? Once with every request answered
  from the clean base over the union of all so far, once from the model that the last one left
  (:mod:`unlearning.requests`).
* *scalability*: one request of one, two and four persons.

    python -m benchmarks.sequential --output benchmarks/results/sequential.json

``rank`` is the chance that a never-trained person's fact is more surprising than one of those who
asked (1: all remembered, one half: nobody can tell, 0: over-forgotten), on the trained questions
and on twins that no method sees. ``forgotten`` and ``kept`` are the NLL a token of those who asked
and of those who never did, ``served`` the share of the latter whose adapter is in service,
``seconds`` CPU time of the process on one thread. A sharded model is read as it is served: each
fact by the adapter of its shard. ``retrain`` is the reference, once for each layout. The reading
with 0 persons is the model before any request. Rows join those that the output holds already.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from transformers.utils import logging

from benchmarks.candidates import SMALL
from contract.canonical import read_json, write_json
from contract.job import ModelRef, Recipe, UnlearningData, UnlearningJob, write_job
from contract.manifest import folder_digest
from contract.record import Record, write_records
from contract.result import read_result
from corpora.assignment import Arm
from corpora.dataset import Dataset
from corpora.hospital import HospitalSettings, generate_hospital
from unlearning import adapters, models
from unlearning.data import encode
from unlearning.division import read_division
from unlearning.reference import mean_nll
from unlearning.requests import Mode, Request, steps
from unlearning.run import run
from unlearning.stopping import rank

CPU = torch.device("cpu")
REQUESTS = 4
SIZES = (1, 2, 4)
ADAPTER = {"epochs": 40, "learning_rate": 1e-2, "batch": 16, "warmup": 10}
WHOLE = SMALL
SLICED = replace(SMALL, shards=2, slices=2)
STACKED = replace(SLICED, permutations=2)


@dataclass(frozen=True)
class Row:
    """A method, the recipe of the model it works on, its settings and the ways it is continued."""

    method: str
    recipe: Recipe
    settings: Mapping[str, Any] = field(default_factory=dict)
    modes: tuple[Mode, ...] = ("reapply", "continue")


ROWS = {
    "npo": Row("npo", WHOLE, {"learning_rate": 1e-3}),
    "renew": Row("renew", WHOLE),
    "selective_dampening": Row("selective_dampening", WHOLE),
    "retrain": Row("retrain", WHOLE, modes=("reapply",)),
    "sisa": Row("sisa", SLICED, modes=("continue",)),
    "s3t": Row("s3t", STACKED, modes=("continue",)),
    "adapter_drop": Row("adapter_drop", SLICED, modes=("continue",)),
    "retrain-sharded": Row("retrain", SLICED, modes=("reapply",)),
}


@dataclass(frozen=True)
class Reading:
    """What one answer left behind."""

    persons: int
    seconds: float
    rank: float | None
    forgotten: float | None
    kept: float
    served: float


class Hospital:
    """The world: who was trained on, who asks, and the models of each recipe."""

    def __init__(self, folder: Path, seed: int, pairs: int) -> None:
        settings = HospitalSettings(
            institutions=1, pairs=pairs, studies=1, sections=2, facts=3, public=4, physicians=4
        )
        self.dataset: Dataset = generate_hospital(settings, seed=seed)
        self.trained = self.dataset.arm(Arm.TRAINED)
        self.calibration, self.twins = self.dataset.split_twins()
        persons = self.dataset.subjects(Arm.TRAINED)[:REQUESTS]
        self.requests: list[Request] = [self.dataset.subject_records(item) for item in persons]
        self._folder = folder

    def model(self, recipe: Recipe) -> Path:
        """Return the model of a recipe, trained if it is not there yet."""
        home = self._folder / f"model-{recipe.shards}-{recipe.slices}-{recipe.permutations}"
        if not (home / "output").exists():
            settings = {"subject_level": self.dataset.subject_level, "adapter": ADAPTER}
            data = UnlearningData(public="data/public.jsonl")
            job = UnlearningJob("train", recipe, data=data, settings=settings, device="cpu")
            self._write(home, {"retain": self.trained})
            write_job(home, job)
            if run(home):
                message = f"training failed: {read_result(home).failure}"
                raise RuntimeError(message)
        return home / "output"

    def answer(self, name: str, requests: Sequence[Request], mode: Mode) -> list[Reading]:
        """Answer the requests by a row's method and read the model after each."""
        row = ROWS[name]
        original = self.model(row.recipe)
        with tempfile.TemporaryDirectory(dir=self._folder) as scratch:
            folder = Path(scratch)
            self._write(folder, {})
            job = UnlearningJob(
                row.method,
                row.recipe,
                data=UnlearningData(
                    calibration="data/calibration.jsonl", public="data/public.jsonl"
                ),
                model=ModelRef(
                    str(original),
                    folder_digest(original),
                    layout="sharded" if row.recipe.shards else "whole",
                ),
                settings=row.settings,
                device="cpu",
            )
            found = []
            began = time.process_time()
            answers = steps(folder, job, self.trained, requests, mode=mode)
            for gone, step in enumerate(answers, start=1):
                seconds = time.process_time() - began
                asked = [record for request in requests[:gone] for record in request]
                served = step.result.metrics
                share = served.get("records_served", 1.0) / served.get("records", 1.0)
                found.append(self.read(Path(step.model.path), original, asked, seconds, share))
                began = time.process_time()
            return found

    def read(
        self, path: Path, original: Path, asked: Sequence[Record], seconds: float, share: float
    ) -> Reading:
        """Read the model in a folder, made of the original for those who asked."""
        away = {record.id for record in asked}
        kept = [record for record in self.trained if record.id not in away]
        forgotten, twins = [], []
        for shard, members in _served(original):
            own = [record for record in asked if members is None or record.id in members]
            if own:
                model, tokenizer = _opened(path, shard)
                forgotten += _losses(model, tokenizer, own)
                twins += _losses(model, tokenizer, self.twins)
        left = []
        for shard, members in _served(original):
            own = [record for record in kept if members is None or record.id in members]
            left += _losses(*_opened(path, shard), own)
        return Reading(
            len({record.subject(self.dataset.subject_level) for record in asked}),
            round(seconds, 2),
            round(rank(forgotten, twins), 3) if forgotten else None,
            round(statistics.fmean(forgotten), 3) if forgotten else None,
            round(statistics.fmean(left), 3),
            round(share, 3),
        )

    def _write(self, folder: Path, records: Mapping[str, Sequence[Record]]) -> None:
        (folder / "data").mkdir(parents=True, exist_ok=True)
        shared = {"calibration": self.calibration, "public": self.dataset.arm(Arm.PUBLIC)}
        for name, items in {**shared, **records}.items():
            write_records(folder / "data" / f"{name}.jsonl", items)


def _served(original: Path) -> list[tuple[str | None, frozenset[str] | None]]:
    """Return the shards that answer, with their records; a whole model answers everything."""
    if not (original / adapters.BASE).is_dir():
        return [(None, None)]
    shards = read_division(original).shards
    return [(shard, frozenset(members)) for shard, members in shards.items()]


def _opened(path: Path, shard: str | None) -> tuple[Any, Any]:
    if shard is None:
        return models.load_model(path, CPU), models.load_tokenizer(path)
    return adapters.compose(path, shard, CPU), models.load_tokenizer(path / adapters.BASE)


def _losses(model: Any, tokenizer: Any, records: Sequence[Record]) -> list[float]:
    return mean_nll(model, encode(tokenizer, records, ["question"]), CPU)


def measured(folder: Path, seed: int, rows: Sequence[str], pairs: int) -> dict[str, Any]:
    """Return both tables: readings by row and mode, and by row and size of the request."""
    hospital = Hospital(folder, seed, pairs)
    sustained: dict[str, Any] = {}
    scaled: dict[str, Any] = {}
    for name in rows:
        for mode in ROWS[name].modes:
            found = [asdict(item) for item in hospital.answer(name, hospital.requests, mode)]
            sustained.setdefault(name, {})[mode] = found
            for reading in found:
                print(f"{name:20} {mode:9} {reading}", flush=True)
        original = hospital.model(ROWS[name].recipe)
        kept = hospital.read(original, original, (), 0.0, 1.0)
        sustained[name]["before"] = [asdict(kept)]
        print(f"{name:20} before    {kept}", flush=True)
        scaled[name] = []
        for size in SIZES:
            together = tuple(item for request in hospital.requests[:size] for item in request)
            (reading_at,) = hospital.answer(name, [together], ROWS[name].modes[0])
            scaled[name].append(asdict(reading_at))
            print(f"{name:20} size {size}    {scaled[name][-1]}", flush=True)
    return {"sustainability": sustained, "scalability": scaled}


def main() -> None:
    """Parse the command line, measure and write the results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sequential")
    parser.add_argument("--rows", nargs="+", choices=sorted(ROWS), default=list(ROWS))
    parser.add_argument("--pairs", type=int, default=8, help="persons trained on, and twins")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="where models are kept; default: thrown away")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    logging.disable_progress_bar()
    torch.set_num_threads(1)
    began = time.process_time()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.folder or Path(scratch)
        tables = measured(folder, options.seed, options.rows, options.pairs)
    what = {"seed": options.seed, "persons": options.pairs, "requests": REQUESTS}
    if options.output is not None:
        write_json(options.output, joined(options.output, what, tables))
    print(f"{time.process_time() - began:.0f} CPU seconds", flush=True)


def joined(path: Path, what: Mapping[str, int], tables: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tables with the rows of an earlier run on the same world that this one left."""
    earlier = read_json(path) if path.is_file() else {}
    if any(earlier.get(name) != value for name, value in what.items()):
        earlier = {}
    return {**what, **{name: {**earlier.get(name, {}), **rows} for name, rows in tables.items()}}


if __name__ == "__main__":
    main()
