"""A training step: the usual way against ours, on the same batch and at the same loss.

The usual way (:mod:`benchmarks.usual_step`) is what public code does: a resident copy of the model
as reference, a padded pass a group, logits of the whole vocabulary everywhere. Ours takes the
reference from a cache of numbers, packs the groups into one pass without padding, runs the output
layer on answer positions, leaves RMU's pass at its layer, and steps by a fused AdamW.

    python -m benchmarks.training --save benchmarks/results/training.json
    python -m benchmarks.training --cases npo --vocabularies 8192 --steps 3   # a short look

Each way is measured in a process of its own. On a GPU (``--device cuda``) both compute in bf16 by
autocast and the model is larger. The losses of every step must agree to 1e-4 (relative to a loss
above 1; 1e-2 in bf16) or the script fails. Of the retained records' divergence (``kl``) both take
the 64 likeliest tokens and the rest: the usual way from the whole vocabulary of both models. Models
are untrained: what a step costs does not depend on what was learned. Times on a processor are those
that the process itself used of one thread, so that other work does not count. Peak memory is what
the process held at most beyond what it held before the model was made. Over a vocabulary above
32,000 a processor gets a quarter of the rows: the usual way would need ten gigabytes for logits.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn
from transformers import LlamaConfig, LlamaForCausalLM

from benchmarks.usual_step import ALPHA, BETA, COEFFICIENT, TOP, Groups, Naive
from unlearning import packing, registry
from unlearning.data import Sample
from unlearning.engine import Schedule
from unlearning.engine.fitting import BETAS, adamw
from unlearning.forgetting import Mixture
from unlearning.methods.rmu import steered_layer
from unlearning.objective import FORGET, RETAIN
from unlearning.objectives import WANTED, Preference
from unlearning.reference import ReferenceCache
from unlearning.selectors import Material, MlpOutputs, select

CASES = ("npo", "kl", "rmu", "dpo")
ROWS = {FORGET: 8, RETAIN: 24, WANTED: 8}
LARGE, FEWER = 32_000, 4
PROMPT, ANSWER = (24, 72), (6, 26)
RATE, CLIP, TOLERANCE, TOLERANCE_BF16 = 1e-5, 1.0, 1e-4, 1e-2
WARM = 2
"""Steps that are not timed: the first ones allocate."""


def build(options: argparse.Namespace) -> Any:
    """Return a model that is the same in both processes."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=options.vocabulary,
        hidden_size=options.hidden,
        intermediate_size=3 * options.hidden,
        num_hidden_layers=options.layers,
        num_attention_heads=4,
    )
    return LlamaForCausalLM(config).to(options.device)


def samples(group: str, vocabulary: int, rows: int) -> list[Sample]:
    """Return samples of uneven length, as questions and answers have."""
    generator = torch.Generator().manual_seed(len(group))
    made = []
    for number in range(rows):
        prompt = int(torch.randint(*PROMPT, (), generator=generator))
        answer = int(torch.randint(*ANSWER, (), generator=generator))
        ids = torch.randint(vocabulary, (prompt + answer,), generator=generator).tolist()
        made.append(Sample(f"{group}-{number}", "question", tuple(ids), prompt))
    return made


class Ours:
    """The library's own step, as its methods run it."""

    def __init__(
        self, case: str, model: Any, groups: Groups, device: torch.device, folder: str
    ) -> None:
        self._model, self._groups = model, groups
        packing.allow(model)
        given: dict[str, Any] = {"forget_weight": 1.0, "top": TOP}
        if case == "rmu":
            given |= {"steering_coefficient": COEFFICIENT, "retain_weight": ALPHA}
        settings, objective = registry.gradient("kl_min" if case == "kl" else case, given)
        if case == "rmu":
            job = SimpleNamespace(job=SimpleNamespace(seed=0))
            objective.riders(SimpleNamespace(model=model, context=job))
        elif case == "dpo":
            objective = Preference(BETA)
        self._mixture = Mixture(objective, settings)
        words = SimpleNamespace(backend_tokenizer=SimpleNamespace(to_str=str))
        self._cache = ReferenceCache(Path(folder), "benchmark", words)
        for group, rows in groups.items():
            for need in self._mixture.needs(group):
                self._cache.fill(model, rows, device, need)

    def __call__(self) -> Tensor:
        """Return the loss of a step."""
        terms = self._mixture.terms(self._model, self._groups, self._cache)
        return sum(terms.values(), torch.zeros((), device=self._model.device))


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Run one way of one case; returns the losses, the time of a step and the peak memory."""
    device = torch.device(options.device)
    names = (FORGET, WANTED, RETAIN) if options.case == "dpo" else (FORGET, RETAIN)
    fewer = FEWER if options.vocabulary > LARGE and device.type == "cpu" else 1
    groups = {name: samples(name, options.vocabulary, ROWS[name] // fewer) for name in names}
    floor = peak(device)
    model = build(options)
    if options.case == "rmu":
        layer = steered_layer(None, options.layers)
        only = MlpOutputs(layers=tuple(range(max(0, layer - 2), layer + 1)))
        select(model, only, Material((), (), device))
    with tempfile.TemporaryDirectory() as folder:
        began = now(device)
        step: Callable[[], Tensor] = (
            Naive(options.case, model, groups, device)
            if options.way == "naive"
            else Ours(options.case, model, groups, device, folder)
        )
        prepared = now(device) - began
        losses, seconds = steps(model, step, options.steps + WARM, device)
    tokens = sum(len(row.ids) for rows in groups.values() for row in rows)
    typical = statistics.median(seconds[WARM:])
    return {
        "losses": losses,
        "seconds": typical,
        "tokens_per_second": tokens / typical,
        "prepare_seconds": prepared,
        "peak_bytes": peak(device) - floor,
        "parameters": sum(item.numel() for item in model.parameters()),
    }


def steps(
    model: Any, loss_of: Callable[[], Tensor], count: int, device: torch.device
) -> tuple[list[float], list[float]]:
    """Take optimiser steps; returns the loss and the time of each."""
    trained = [item for item in model.parameters() if item.requires_grad]
    optimizer = (
        torch.optim.AdamW(trained, lr=RATE, betas=BETAS, weight_decay=0.0)
        if isinstance(loss_of, Naive)
        else adamw(trained, Schedule(count, RATE))
    )
    losses, seconds = [], []
    for _ in range(count):
        began = now(device)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            loss = loss_of()
        loss.backward()
        nn.utils.clip_grad_norm_(trained, CLIP)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        seconds.append(now(device) - began)
    return losses, seconds


def now(device: torch.device) -> float:
    """Return a time in seconds: what the process used of the processor, or the GPU's clock."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        return time.perf_counter()
    return time.process_time()


def peak(device: torch.device) -> int:
    """Return the most memory this process has held, in bytes: the GPU's, or main memory."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def compare(case: str, vocabulary: int, options: argparse.Namespace) -> dict[str, Any]:
    """Measure both ways of a case, each in a fresh process; returns the numbers and ratios."""
    found: dict[str, Any] = {}
    for way in ("naive", "ours"):
        command = [sys.executable, "-m", "benchmarks.training", "--way", way, "--case", case]
        for name in ("hidden", "layers", "steps", "device"):
            command += [f"--{name}", str(getattr(options, name))]
        command += ["--vocabulary", str(vocabulary)]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        found[way] = json.loads(output.splitlines()[-1])
    naive, ours = found["naive"], found["ours"]
    apart = max(
        abs(one - two) / max(1.0, abs(one))
        for one, two in zip(naive.pop("losses"), ours.pop("losses"), strict=True)
    )
    return {
        "case": case,
        "vocabulary": vocabulary,
        "parameters": ours["parameters"],
        "naive": naive,
        "ours": ours,
        "faster": naive["seconds"] / ours["seconds"],
        "less_memory": naive["peak_bytes"] / ours["peak_bytes"],
        "losses_apart": apart,
    }


def told(row: Mapping[str, Any]) -> str:
    """Return a row as a line."""
    ours = row["ours"]
    return (
        f"{row['case']:4} vocabulary {row['vocabulary']:6}, {row['parameters'] / 1e6:5.1f} M "
        f"parameters: {ours['seconds'] * 1e3:7.1f} ms a step, {row['faster']:.2f} times as fast, "
        f"{row['less_memory']:.2f} times less memory, losses {row['losses_apart']:.1e} apart"
    )


def machine(device: str) -> str:
    """Return the kind of machine, without naming it."""
    if device == "cuda":
        return torch.cuda.get_device_name()
    return f"{platform.machine()} processor, one thread of {os.cpu_count()}"


def main() -> int:
    """Compare every case, print the table and save it; fails when the losses differ."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--cases", nargs="+", default=CASES, choices=CASES)
    parser.add_argument("--vocabularies", nargs="+", type=int, default=(8192, 131072))
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--hidden", type=int)
    parser.add_argument("--layers", type=int)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--save", type=Path)
    parser.add_argument("--way", choices=("naive", "ours"), help="one way, in this process")
    parser.add_argument("--case", choices=CASES)
    parser.add_argument("--vocabulary", type=int)
    options = parser.parse_args()
    torch.set_num_threads(1)
    large = options.device == "cuda"
    options.hidden = options.hidden or (1024 if large else 192)
    options.layers = options.layers or (16 if large else 8)
    if options.way:
        print(json.dumps(measure(options)))
        return 0
    rows = []
    for vocabulary in options.vocabularies:
        for case in options.cases:
            row = compare(case, vocabulary, options)
            rows.append(row)
            print(told(row), flush=True)
    tolerance = TOLERANCE_BF16 if large else TOLERANCE
    same = all(row["losses_apart"] <= tolerance for row in rows)
    if options.save:
        at = datetime.now(UTC).date().isoformat()
        content = {"date": at, "machine": machine(options.device), "rows": rows}
        options.save.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
