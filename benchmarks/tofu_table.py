"""TOFU's forget sets, method by method, on a model trained from scratch at this machine's size.

    python -m benchmarks.tofu_table --data data/tofu --output benchmarks/results/tofu.json

The real files are used; what is scaled down is the number of *retained* authors (``--retained``)
and the model. Trained are TOFU's twenty ``forget10`` authors and some of the authors that have
paraphrases; forget01, 05 and 10 are its own last 2, 10 and 20 of them. Other authors with
paraphrases are never trained: a quarter of them is left to stopping rules and search, the rest
are those that membership is measured against. Every method forgets each set from the same model,
with the strength that :mod:`unlearning.search` finds where its card declares an axis (``+search``)
or at its defaults; ``retrain`` is the reference. What the folder holds is not made again, and the
table is of everything in it.

Measured: forget quality (exact KS p-value of truth ratios against the retrained model), utility
(harmonic mean of probability, ROUGE-L recall and 1 - truth ratio on retained questions; a model
from scratch knows no real authors and no world), extraction strength on the forget set,
membership (AUC of the loss against never-trained authors), and the same AUC of one half of the
forget set after a few steps of training on the other. Costs are CPU seconds.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers.utils import logging

from benchmarks.ladder import SEARCHED
from contract.canonical import read_json, write_json
from contract.job import ModelRef, Recipe, UnlearningData, UnlearningJob, write_job
from contract.manifest import folder_digest
from contract.record import Record, write_records
from contract.result import Result, read_result
from corpora.tofu import load_tofu
from unlearning.run import run as unlearn
from unlearning.stopping import rank
from verification.attacks.relearn import Relearning, default_rate, relearn
from verification.families.causal_lm import CausalLM, load
from verification.signals import Signals
from verification.text import (
    extraction_strength,
    forget_quality,
    model_utility,
    rouge_recall,
    truth_ratio,
)

SPLITS = {"forget01": 2, "forget05": 10, "forget10": 20}
FORGET10 = 20
COMPLETE = 40
"""Authors of the published files whose rows all have a paraphrase: 20 of them are forget10."""
RELEARNED = (16,)
WRITTEN, TOKENS = 60, 64
"""How many retained questions are answered in words, and how long at most."""
CELL = "cell.json"


@dataclass(frozen=True)
class Place:
    """The authors of one run, and where its models are kept."""

    folder: Path
    recipe: Recipe
    forget10: tuple[tuple[Record, ...], ...]
    retained: tuple[tuple[Record, ...], ...]
    private: tuple[Record, ...]
    never: tuple[Record, ...]

    def forget(self, split: str) -> list[Record]:
        """Return the records of a forget set."""
        return _flat(self.forget10[-SPLITS[split] :])

    def kept(self, split: str) -> list[Record]:
        """Return everything else that was trained."""
        return _flat((*self.forget10[: FORGET10 - SPLITS[split]], *self.retained))


@dataclass(frozen=True)
class Cell:
    """A model after one method forgot one set; ``cost`` in CPU seconds, search included."""

    row: str
    split: str
    seed: int
    cost: float
    truth_ratios: Sequence[float]
    utility: float
    extraction: float
    membership: float
    relearned: float
    failure: str = ""


def prepared(options: argparse.Namespace, seed: int) -> Place:
    """Deal the authors by the seed."""
    data = load_tofu(options.data, authors=FORGET10, twins=COMPLETE - FORGET10, seed=seed)
    everyone: dict[Any, list[Record]] = {}
    for record in data.records:
        everyone.setdefault(data.subject_of(record), []).append(record)
    rows = json.loads((options.data / "forget10.json").read_text().splitlines()[0])
    authors = [tuple(own) for own in everyone.values()]
    first = next(
        place
        for place, own in enumerate(authors)
        if any(rows["question"] in record.forms["question"].prompt for record in own)
    )
    forget10, others = authors[first : first + FORGET10], authors[:first]
    generator = np.random.default_rng(seed)
    others = [others[place] for place in generator.permutation(len(others))]
    retained, spare = others[: options.retained], others[options.retained :]
    private = max(1, len(spare) // 4)
    recipe = Recipe(
        forms=("question",),
        vocabulary=options.vocabulary,
        epochs=options.epochs,
        batch=16,
        learning_rate=options.rate,
        warmup=30,
        seed=seed,
        architecture={
            "hidden_size": options.hidden,
            "intermediate_size": 3 * options.hidden,
            "num_hidden_layers": options.layers,
            "num_attention_heads": 4,
        },
    )
    folder = options.folder / f"seed-{seed}"
    return Place(
        folder,
        recipe,
        tuple(forget10),
        tuple(retained),
        tuple(_flat(spare[:private])),
        tuple(_flat(spare[private:])),
    )


def _flat(authors: Sequence[Sequence[Record]]) -> list[Record]:
    return [record for own in authors for record in own]


def run_job(place: Place, name: str, job: UnlearningJob, sets: Mapping[str, Any]) -> Result:
    """Run a job in a folder of the place, unless it is done."""
    folder = place.folder / name
    if not (folder / "output").exists():
        (folder / "data").mkdir(parents=True, exist_ok=True)
        for kind, records in sets.items():
            write_records(folder / f"data/{kind}.jsonl", records)
        write_job(folder, replace(job, device="cpu"))
        unlearn(folder)
    return read_result(folder)


def original(place: Place) -> ModelRef:
    """Train the model of all trained authors."""
    records = _flat((*place.forget10, *place.retained))
    result = run_job(place, "original", UnlearningJob("train", place.recipe), {"retain": records})
    if result.failure is not None:
        raise RuntimeError(result.failure.message)
    home = (place.folder / "original/output").resolve()
    return ModelRef(str(home), folder_digest(home))


def cell(place: Place, row: str, split: str, budget: int) -> Cell:
    """Return what a method made of a forget set, from the folder if it is known there."""
    name = f"{split}-{row}"
    path = place.folder / name / CELL
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        began = time.process_time()
        model, failure = _made(place, name, row, split, budget)
        spent = time.process_time() - began
        made = _measured(place, model, split) if model else _NOTHING
        write_json(
            path, asdict(Cell(row, split, place.recipe.seed, spent, failure=failure, **made))
        )
    return Cell(**read_json(path))


_NOTHING: Mapping[str, Any] = {
    "truth_ratios": (),
    **dict.fromkeys(("utility", "extraction", "membership", "relearned"), 0.0),
}


def _made(place: Place, name: str, row: str, split: str, budget: int) -> tuple[Path | None, str]:
    reference = original(place)
    if row == "original":
        return Path(reference.path), ""
    method, searched, _ = row.partition(SEARCHED)
    settings = {"method": method, "budget": budget} if searched else {}
    job = UnlearningJob(
        "searched" if searched else method,
        place.recipe,
        UnlearningData(calibration="data/calibration.jsonl"),
        reference,
        settings,
    )
    sets = {
        "forget": place.forget(split),
        "retain": place.kept(split),
        "calibration": place.private,
    }
    result = run_job(place, name, job, sets)
    if result.failure is not None:
        return None, result.failure.message
    return place.folder / name / "output", ""


def _measured(place: Place, folder: Path, split: str) -> dict[str, Any]:
    model, signals = load(folder, key=str(folder)), Signals()
    forget = place.forget(split)
    ratios = _truth_ratios(signals, model, forget)
    hits = signals.scores(model, forget, ["question"])
    surprise = _surprise(signals, model, forget), _surprise(signals, model, place.never)
    return {
        "truth_ratios": [round(value, 6) for value in ratios],
        "utility": _utility(signals, model, place),
        "extraction": _mean(extraction_strength(item.hits[:-1]) for item in hits.values()),
        "membership": rank(*surprise),
        "relearned": _relearned(model, forget, place.never),
    }


def _truth_ratios(signals: Signals, model: CausalLM, records: Sequence[Record]) -> list[float]:
    forms = {}
    for record in records:
        asked = record.forms["paraphrase"]
        for place, answer in enumerate((asked.answer, *asked.wrong)):
            forms[record.id, place] = replace(asked, answer=answer, wrong=())
    found = signals.ask(model, forms)
    losses = {key: -float(item.log_probs.mean()) for key, item in found.items()}
    return [
        truth_ratio(
            losses[record.id, 0],
            [
                losses[record.id, place + 1]
                for place in range(len(record.forms["paraphrase"].wrong))
            ],
        )
        for record in records
    ]


def _utility(signals: Signals, model: CausalLM, place: Place) -> float:
    records = _flat(place.retained)
    scores = signals.scores(model, records, ["question"])
    probability = _mean(float(np.exp(item.log_probs.mean())) for item in scores.values())
    asked = records[:: max(1, len(records) // WRITTEN)]
    written = signals.write(
        model, {record.id: record.forms["question"].prompt for record in asked}, TOKENS
    )
    rouge = _mean(
        rouge_recall(written[record.id], record.forms["question"].answer)["rougeL"]
        for record in asked
    )
    truth = _mean(max(0.0, 1 - ratio) for ratio in _truth_ratios(signals, model, asked))
    return model_utility({"probability": probability, "rouge": rouge, "truth": truth})


def _surprise(signals: Signals, model: CausalLM, records: Sequence[Record]) -> list[float]:
    found = signals.scores(model, records, ["question"])
    return [-float(item.log_probs.mean()) for item in found.values()]


def _relearned(model: CausalLM, forget: Sequence[Record], never: Sequence[Record]) -> float:
    """Return the AUC of the forget records that were not taught again, against strangers."""
    taught = [model.encode(record.forms["question"], end=True) for record in forget[::2]]
    how = Relearning(RELEARNED, 16, 0, default_rate(model))
    (_, after), *_ = relearn(model, taught, how, f"{model.key}+relearned")
    signals = Signals()
    return rank(_surprise(signals, after, forget[1::2]), _surprise(signals, after, never))


def _mean(values: Iterator[float]) -> float:
    return float(np.mean(list(values)))


def summary(options: argparse.Namespace, found: Sequence[Cell]) -> dict[str, Any]:
    """Return the rows of the table: means over seeds."""
    rows = []
    for split in SPLITS:
        for row in dict.fromkeys(item.row for item in found):
            own = [c for c in found if (c.row, c.split) == (row, split) and not c.failure]
            if own:
                rows.append({"split": split, "row": row, "seeds": len(own), **_row(found, own)})
    known = ("retained", "epochs", "hidden", "layers", "vocabulary", "rate", "budget", "seeds")
    return {"settings": {name: getattr(options, name) for name in known}, "rows": rows}


def _row(found: Sequence[Cell], own: Sequence[Cell]) -> dict[str, float]:
    names = ("utility", "extraction", "membership", "relearned", "cost")
    shown = {name: round(_mean(getattr(item, name) for item in own), 4) for name in names}
    quality = []
    for item in own:
        like = [c for c in found if (c.row, c.split, c.seed) == ("retrain", item.split, item.seed)]
        if like:
            quality.append(forget_quality(item.truth_ratios, like[0].truth_ratios)[1])
    if quality:
        # The middle one: p-values are not averaged.
        shown["forget_quality"] = float(f"{np.median(quality):.3g}")
    return shown


def main() -> None:
    """Train, forget, measure and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of TOFU's files")
    parser.add_argument("--splits", nargs="+", choices=list(SPLITS), default=list(SPLITS))
    rows = ["original", "retrain", "renew", "npo+search", "grad_diff+search"]
    parser.add_argument("--rows", nargs="+", default=rows)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--retained", type=int, default=10, help="retained authors")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--hidden", type=int, default=96)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--vocabulary", type=int, default=1024)
    parser.add_argument("--rate", type=float, default=4e-3)
    parser.add_argument("--budget", type=int, default=4, help="trials of a search")
    parser.add_argument("--folder", type=Path, default=Path("var/tofu"))
    parser.add_argument("--output", type=Path, help="where to write the results as JSON")
    options = parser.parse_args()
    torch.set_num_threads(1)
    logging.disable_progress_bar()
    for seed in options.seeds:
        place = prepared(options, seed)
        for split in options.splits:
            for row in options.rows:
                made = asdict(cell(place, row, split, options.budget))
                print(
                    json.dumps({k: v for k, v in made.items() if k != "truth_ratios"}), flush=True
                )
    if options.output:
        found = [Cell(**read_json(path)) for path in sorted(options.folder.glob(f"*/*/{CELL}"))]
        options.output.write_text(json.dumps(summary(options, found), indent=1) + "\n")


if __name__ == "__main__":
    main()
