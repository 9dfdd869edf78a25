"""How much comes back when a part of what was forgotten is learned again.

Three persons of a small world are forgotten together by each row's method. Then a quarter of their
facts is fine-tuned on, and the *other* three quarters are asked for, beside the facts of persons
whom the model never saw: these show what fine-tuning alone teaches about facts of the kind.

    python -m benchmarks.relearning --output benchmarks/results/relearning.json

``recovered`` is ``(never seen - forgotten) / (never seen - original)`` in nats a token of the
reserved wording: 1 when the forgotten facts are as likely as before unlearning, 0 when they are as
unlikely as never-trained ones. It is given before relearning and after. ``kept`` is what the other
persons' facts cost, and ``seconds`` the CPU time of unlearning.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import torch

from benchmarks.candidates import World, world
from benchmarks.rows import PHASE
from contract.canonical import write_json
from contract.job import ModelRef, UnlearningData, UnlearningJob, write_job
from contract.manifest import folder_digest
from contract.record import CALIBRATION_FORM, Record, write_records
from contract.result import read_result
from unlearning import models
from unlearning.data import Batches, collate, encode
from unlearning.losses import answer_nll
from unlearning.reference import mean_nll
from unlearning.run import run

CPU = torch.device("cpu")
TOGETHER, SHARE = 3, 4
REFERENCE = "retrain"
ROWS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    REFERENCE: (REFERENCE, {}),
    "npo": ("npo", PHASE),
    "npo, ceiling": ("npo", {**PHASE, "ceiling": 1.2}),
    "npo, KL": ("npo", {**PHASE, "retain_term": "kl"}),
    "npo, SAM": ("npo", {**PHASE, "wrap": [{"kind": "sam", "rho": 0.1}]}),
    "npo, smoothing": ("npo", {**PHASE, "wrap": [{"kind": "smoothing", "sigma": 0.01}]}),
    "npo, gradient norm": ("npo", {**PHASE, "wrap": [{"kind": "gradient_norm"}]}),
    "npo, curvature": ("npo", {**PHASE, "wrap": [{"kind": "curvature"}]}),
    "npo, averaging": ("npo", {**PHASE, "wrap": [{"kind": "averaging", "start": 5}]}),
    "npo, LoRA": ("npo", {**PHASE, "learning_rate": 1e-3, "select": {"kind": "lora", "rank": 8}}),
    "npo, mask": ("npo", {**PHASE, "select": {"kind": "mask", "share": 0.1}}),
    "simnpo": ("simnpo", PHASE),
    "grad_diff": ("grad_diff", PHASE),
    "wga": ("wga", PHASE),
    "satimp": ("satimp", PHASE),
    "ce_u": ("ce_u", {**PHASE, "retain_term": "nll"}),
    "pdu": ("pdu", PHASE),
    "undial": ("undial", {**PHASE, "retain_term": "nll"}),
    "idk": ("idk", PHASE),
    "dpo": ("dpo", PHASE),
    "alt_po": ("alt_po", {**PHASE, "alternatives": {"tokens": 24}}),
    "flat": ("flat", {**PHASE, "retain_term": "nll"}),
    "layered": ("layered", {"folds": 3, "unlearn": PHASE}),
    "distance": ("weight_regularised", {"unlearn": PHASE}),
    "no regulariser": ("weight_regularised", {"alpha": 1e-6, "unlearn": PHASE}),
    "connectivity": ("weight_regularised", {"variant": "connectivity", "unlearn": PHASE}),
    "dropout": ("weight_regularised", {"variant": "dropout", "unlearn": PHASE}),
    "rmu": ("rmu", {**PHASE, "learning_rate": 1e-2, "retain_weight": 10.0}),
    "loku": ("loku", {**PHASE, "learning_rate": 2e-3}),
    "whp": ("whp", {**PHASE, "learning_rate": 1e-3}),
    "task vector": ("task_vector", {"learning_rate": 1e-3}),
}


@dataclass(frozen=True)
class Cell:
    """One row on one group of persons."""

    row: str
    group: int
    seconds: float
    kept: float
    before: float
    after: Mapping[str, float]


def measured(here: World, row: str, group: int, steps: Sequence[int], rate: float) -> Cell | None:
    """Return what a row's method leaves, and what relearning brings back; nothing if it fails."""
    original = here.original()
    persons = here.persons[group * TOGETHER : (group + 1) * TOGETHER]
    forget = here.records(persons)
    rest = here.records([item for item in here.persons if item not in persons])
    model, seconds = forgotten(here, row, group, forget, rest)
    if model is None:
        return None
    tokenizer = models.load_tokenizer(model)
    twins = here.dataset.split_twins()[1]
    asked, taught = forget[len(forget) // SHARE :], forget[: len(forget) // SHARE]
    known = surprise(models.load_model(original, CPU), models.load_tokenizer(original), asked)

    def recovered(of: Any) -> float:
        never = surprise(of, tokenizer, twins)
        return (never - surprise(of, tokenizer, asked)) / (never - known)

    found = models.load_model(model, CPU)
    before, kept = recovered(found), surprise(found, tokenizer, rest)
    samples = encode(tokenizer, taught, here.recipe.forms)
    batches = Batches(samples, 16, 0)
    optimizer = torch.optim.AdamW(found.parameters(), lr=rate)
    after = {}
    for step in range(max(steps)):
        batch = collate(batches.at(step))
        (answer_nll(found, batch).sum() / batch.lengths.sum()).backward()
        optimizer.step()
        optimizer.zero_grad()
        if step + 1 in steps:
            after[str(step + 1)] = recovered(found)
    return Cell(row, group, seconds, kept, before, after)


def forgotten(
    here: World, row: str, group: int, forget: Sequence[Record], rest: Sequence[Record]
) -> tuple[Path | None, float]:
    """Run the row's job, unless its model is there already; returns model and CPU seconds."""
    name, settings = ROWS[row]
    folder = here.folder / f"relearning-{'-'.join(row.replace(',', '').split())}-{group}"
    if not (folder / "result.json").exists():
        (folder / "data").mkdir(parents=True, exist_ok=True)
        write_records(folder / "data/forget.jsonl", forget)
        write_records(folder / "data/retain.jsonl", rest)
        write_records(folder / "data/calibration.jsonl", here.dataset.split_twins()[0])
        original = here.original().resolve()
        reference = ModelRef(str(original), folder_digest(original))
        data = UnlearningData(calibration="data/calibration.jsonl")
        job = UnlearningJob(name, here.recipe, data, reference, settings, device="cpu")
        write_job(folder, job)
        began = time.process_time()
        run(folder)
        write_json(folder / "seconds.json", {"seconds": time.process_time() - began})
    seconds = json.loads((folder / "seconds.json").read_text())["seconds"]
    done = read_result(folder)
    if done.model is None:
        print(f"{row}: {done.failure}")
        return None, seconds
    return folder / done.model.path, seconds


def surprise(model: Any, tokenizer: Any, records: Sequence[Record]) -> float:
    """Return the mean NLL of the records in the reserved wording, in nats a token."""
    return fmean(mean_nll(model, encode(tokenizer, records, [CALIBRATION_FORM]), CPU))


def table(cells: Sequence[Cell]) -> list[str]:
    """Return the rows of a Markdown table; costs are given as a share of a retrain's."""
    rows = list(dict.fromkeys(cell.row for cell in cells))
    steps = list(cells[0].after)
    heads = ["before", *(f"after {step} steps" for step in steps), "kept", "cost"]
    lines = [f"| forgotten by | {' | '.join(heads)} |", "|---|" + "---|" * len(heads)]
    price = fmean(cell.seconds for cell in cells if cell.row == REFERENCE)
    for row in rows:
        own = [cell for cell in cells if cell.row == row]
        numbers = [
            fmean(cell.before for cell in own),
            *(fmean(cell.after[step] for cell in own) for step in steps),
            fmean(cell.kept for cell in own),
            fmean(cell.seconds for cell in own) / price,
        ]
        lines.append(f"| {row} | {' | '.join(f'{number:.2f}' for number in numbers)} |")
    return lines


def main() -> None:
    """Measure every row and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--folder", type=Path, default=Path("var/relearning"))
    parser.add_argument("--output", type=Path)
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--groups", type=int, default=2)
    parser.add_argument("--rows", nargs="*", default=list(ROWS))
    parser.add_argument("--steps", type=int, nargs="*", default=[16, 100])
    parser.add_argument("--rate", type=float, default=1e-3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    here = world(options.folder, options.seed)
    cells = []
    for row in dict.fromkeys((REFERENCE, *options.rows)):
        for group in range(options.groups):
            cell = measured(here, row, group, options.steps, options.rate)
            if cell is not None:
                cells.append(cell)
    print("\n".join(table(cells)))
    if options.output is not None:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        write_json(options.output, {"cells": [asdict(cell) for cell in cells]})


if __name__ == "__main__":
    main()
