"""NPO step: the usual way against ours, on the same batch.

The usual way keeps a copy of the model as reference, runs forget and retain separately (three
forward passes) and computes logits of the whole vocabulary on every position, prompt and padding
included. Ours takes the reference from a cache, packs forget and retain into one pass and runs
the output layer on answer positions only. Both compute the same loss, checked to 1e-4.

    python benchmarks/npo_step.py [--vocabulary 8192] [--hidden 192] [--layers 4] [--steps 20]

Prints the ratio of step times and the peak memory of both, each measured in its own process.
"""

from __future__ import annotations

import argparse
import copy
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from transformers import LlamaConfig, LlamaForCausalLM

from unlearning import models
from unlearning.data import Sample, collate
from unlearning.forgetting import Mixture
from unlearning.methods import npo
from unlearning.reference import ReferenceCache

FORGET, RETAIN, PROMPT, ANSWER = 8, 24, 48, 16
SETTINGS = npo.Settings(forget_weight=1.0)
TOLERANCE = 1e-4
MEBIBYTE = 2**20


def build(options: argparse.Namespace) -> LlamaForCausalLM:
    """Return a model that is the same in both processes."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=options.vocabulary,
        hidden_size=options.hidden,
        intermediate_size=3 * options.hidden,
        num_hidden_layers=options.layers,
        num_attention_heads=4,
    )
    return LlamaForCausalLM(config)


def samples(count: int, vocabulary: int, seed: int) -> list[Sample]:
    """Return samples of uneven length, as questions and answers have."""
    generator = torch.Generator().manual_seed(seed)
    made = []
    for number in range(count):
        prompt = PROMPT // 2 + int(torch.randint(PROMPT, (1,), generator=generator))
        answer = ANSWER // 2 + int(torch.randint(ANSWER, (1,), generator=generator))
        ids = torch.randint(vocabulary, (prompt + answer,), generator=generator).tolist()
        made.append(Sample(str(number), "question", tuple(ids), prompt))
    return made


def naive_sums(model: Any, rows: list[Sample]) -> tuple[Tensor, Tensor]:
    """Return answer NLL sums and lengths the usual way: labels, mask, full logits, shift."""
    batch = collate(rows)
    labels = torch.full_like(batch.ids, -100)
    mask = torch.zeros_like(batch.ids)
    for index, row in enumerate(rows):
        mask[index, : len(row.ids)] = 1
        labels[index, row.start : len(row.ids)] = batch.ids[index, row.start : len(row.ids)]
    logits = model(input_ids=batch.ids, attention_mask=mask, use_cache=False).logits
    shifted = logits[:, :-1].contiguous().transpose(1, 2)
    tokens = functional.cross_entropy(shifted, labels[:, 1:].contiguous(), reduction="none")
    return tokens.sum(-1), batch.lengths


def naive_step(model: Any, reference: Any, forget: list[Sample], retain: list[Sample]) -> Tensor:
    """Return the loss with a resident reference model and separate forward passes."""
    with torch.no_grad():
        before, _ = naive_sums(reference, forget)
    now, _ = naive_sums(model, forget)
    kept, lengths = naive_sums(model, retain)
    beta = SETTINGS.beta
    away = -(2 / beta) * functional.logsigmoid(beta * (now - before)).mean()
    return SETTINGS.forget_weight * away + SETTINGS.retain_weight * kept.sum() / lengths.sum()


def measure(options: argparse.Namespace) -> dict[str, float]:
    """Run one of the two ways; returns first loss, seconds a step and peak memory in bytes."""
    model = build(options)
    forget = samples(FORGET, options.vocabulary, 1)
    retain = samples(RETAIN, options.vocabulary, 2)
    step: Callable[[], Tensor]
    if options.way == "naive":
        reference = copy.deepcopy(model).eval()

        def step() -> Tensor:
            return naive_step(model, reference, forget, retain)

    else:
        mixture = Mixture(npo.NegativePreference(SETTINGS.beta), SETTINGS)
        folder = tempfile.mkdtemp()
        cache = ReferenceCache(Path(folder), "benchmark", models.new_tokenizer([], [], 300))
        cache.fill(model, forget, torch.device("cpu"))
        groups = {"forget": forget, "retain": retain}

        def step() -> Tensor:
            return sum(mixture.terms(model, groups, cache).values(), torch.zeros(()))

    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5)
    losses, seconds = [], []
    for _ in range(options.steps):
        began = time.perf_counter()
        loss = step()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        seconds.append(time.perf_counter() - began)
        losses.append(loss.item())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    parameters = sum(item.numel() for item in model.parameters())
    return {
        "first_loss": losses[0],
        "last_loss": losses[-1],
        "seconds": statistics.median(seconds),
        "peak": peak,
        "parameters": parameters,
    }


def main() -> int:
    """Measure both ways, each in a fresh process, and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--vocabulary", type=int, default=8192)
    parser.add_argument("--hidden", type=int, default=192)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--way", choices=("naive", "ours"))
    options = parser.parse_args()
    if options.way:
        print(json.dumps(measure(options)))
        return 0
    results = {}
    for way in ("naive", "ours"):
        command = [sys.executable, __file__, *sys.argv[1:], "--way", way]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        results[way] = json.loads(output.splitlines()[-1])
    naive, ours = results["naive"], results["ours"]
    same = all(abs(naive[key] - ours[key]) <= TOLERANCE for key in ("first_loss", "last_loss"))
    print(f"{ours['parameters'] / 1e6:.1f} M parameters, vocabulary {options.vocabulary}")
    for way, found in results.items():
        print(
            f"{way:>6}: {found['seconds'] * 1e3:7.1f} ms a step, peak memory "
            f"{found['peak'] / MEBIBYTE:7.0f} MiB, loss {found['first_loss']:.5f} at step 1, "
            f"{found['last_loss']:.5f} at step {options.steps}"
        )
    print(f"step time, naive / ours: {naive['seconds'] / ours['seconds']:.2f}")
    print(f"peak memory, naive / ours: {naive['peak'] / ours['peak']:.2f}")
    print(f"losses equal to {TOLERANCE}: {'yes' if same else 'NO'}")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
