"""What of ``renew`` does what: the vocabulary, how much is erased, and the size of fresh weights.

    python -m benchmarks.renewal --output benchmarks/results/renewal.json

On worlds that are used for nothing else, four persons are forgotten at once by ``renew`` with
other settings. Asked are only private records (the form that no verification asks), of the
persons and of the never-trained people that are left to the unlearner: how often a forgotten
answer is less surprising than a stranger's (one half: nobody can tell), by the likelihood and by
the likelihood relative to what else the model could have said (Min-K++), and how many steps it
took. ``retrain`` is the recipe carried out again.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.candidates import World, world
from benchmarks.document import put
from contract.job import ModelRef, UnlearningData, UnlearningJob, write_job
from contract.manifest import folder_digest
from contract.record import CALIBRATION_FORM, Record, write_records
from contract.result import read_result
from unlearning.run import run as unlearn
from unlearning.stopping import rank
from verification.families.causal_lm import CausalLM, load
from verification.signals import Signal, Signals

DOCUMENT = Path("docs/ladder.md")
TOGETHER = 4
LEAST = 0.2
"""The share of an answer's least likely tokens that Min-K++ averages."""
VARIANTS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "retrain": ("retrain", {}),
    "as it is": ("renew", {}),
    "half erased": ("renew", {"alpha": 0.5}),
    "all erased": ("renew", {"alpha": 1.0}),
    "all erased, usual size": ("renew", {"alpha": 1.0, "noise": 0.2}),
    "old vocabulary": ("renew", {"vocabulary": False}),
    "old vocabulary, all erased": ("renew", {"vocabulary": False, "alpha": 1.0}),
}


def made(place: World, name: str, method: str, settings: Mapping[str, Any]) -> tuple[Path, float]:
    """Return a model that forgot the first persons of a world, and how many steps it took."""
    folder = place.folder / "renewal" / name.replace(" ", "-")
    persons = place.batch(place.persons[0])
    _, rest = place.split(persons[0])
    if not (folder / "output").exists():
        (folder / "data").mkdir(parents=True, exist_ok=True)
        sets = {"forget": place.records(persons), "retain": rest, "calibration": private(place)}
        for kind, records in sets.items():
            write_records(folder / f"data/{kind}.jsonl", records)
        original = place.original().resolve()
        job = UnlearningJob(
            method,
            place.recipe,
            UnlearningData(calibration="data/calibration.jsonl"),
            ModelRef(str(original), folder_digest(original)),
            settings,
        )
        write_job(folder, replace(job, device="cpu"))
        unlearn(folder)
    result = read_result(folder)
    if result.failure is not None:
        raise RuntimeError(result.failure.message)
    return folder / "output", result.metrics["steps"]


def private(place: World) -> tuple[Record, ...]:
    """Return the never-trained records that are left to the unlearner."""
    return place.dataset.split_twins()[0]


def told(place: World, model: CausalLM) -> tuple[float, float]:
    """Return the two ranks of the forgotten among the never-trained."""
    signals = Signals()
    sets = (place.records(place.batch(place.persons[0])), private(place))
    plain, relative = [], []
    for records in sets:
        found = signals.scores(model, records, [CALIBRATION_FORM]).values()
        plain.append([-float(item.log_probs.mean()) for item in found])
        relative.append([-_relative(item) for item in found])
    return rank(*plain), rank(*relative)


def _relative(item: Signal) -> float:
    scores = np.sort((item.log_probs - item.mean) / np.maximum(item.deviation, 1e-6))
    return float(scores[: max(1, round(LEAST * len(scores)))].mean())


def rows(seeds: Sequence[int], folder: Path) -> list[dict[str, Any]]:
    """Return a row for every variant: means over the worlds, and its steps as a share."""
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in VARIANTS}
    for seed in seeds:
        place = world(folder, seed, together=TOGETHER)
        for name, (method, settings) in VARIANTS.items():
            home, steps = made(place, name, method, settings)
            found[name].append((*told(place, load(home, key=str(home))), steps))
            print(seed, name, [round(value, 3) for value in found[name][-1]], flush=True)
    whole = [steps for *_, steps in found["retrain"]]
    return [
        {
            "variant": name,
            "likelihood": round(float(np.mean([own[0] for own in values])), 3),
            "relative": round(float(np.mean([own[1] for own in values])), 3),
            "steps": round(
                float(np.mean([own[2] / of for own, of in zip(values, whole, strict=True)])), 3
            ),
        }
        for name, values in found.items()
    ]


def table(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield the table of ``docs/ladder.md``."""
    yield "| variant | told by likelihood | told by Min-K++ | steps of a retrain |"
    yield "|---|---|---|---|"
    for row in found["rows"]:
        yield (
            f"| {row['variant']} | {row['likelihood']:.2f} | {row['relative']:.2f} "
            f"| {row['steps']:.2f} |"
        )
    yield ""
    yield f"Means over worlds with seeds {found['seeds']}, {TOGETHER} persons forgotten in each."


def main() -> None:
    """Renew with every variant and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[101, 102, 103])
    parser.add_argument("--folder", type=Path, default=Path("var/renewal"))
    parser.add_argument("--output", type=Path, help="where to write the results as JSON")
    options = parser.parse_args()
    torch.set_num_threads(1)
    found = {"seeds": options.seeds, "rows": rows(options.seeds, options.folder)}
    if options.output:
        options.output.write_text(json.dumps(found, indent=1) + "\n")
        put(DOCUMENT, table(found), "renewal")


if __name__ == "__main__":
    main()
