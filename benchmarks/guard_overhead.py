"""Guard overhead: seconds a token with a guard against seconds without.

    python -m benchmarks.guard_overhead [--bundles 1 10 100] [--batch 4] [--tokens 48]

A random model of the given size generates greedily, as many tokens on either side; the seconds
are the processor's, so that other work on the machine counts little (set ``OMP_NUM_THREADS=1``).
The platform's bundles cost a fixed amount a step (decoding the candidates and cutting them into
words) and one that grows with the number of bundles (a keyed hash each); nothing is suppressed
here. ULD costs a forward pass of its assistant a step. GUARD costs one pass of the first layers a
prompt, and where its detector fires (``on``) a search over candidates a step. The larger the
model, the smaller the ratios. ALU has no line: it costs whole answers, two where nobody is touched.
"""

from __future__ import annotations

import argparse
import secrets
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM, LogitsProcessor, LogitsProcessorList

from contract.containment import Bundle, ngram_digests
from contract.record import Record, write_records
from corpora.hospital import HospitalSettings, generate_hospital
from unlearning import models
from unlearning.guards.building import guard_build
from unlearning.guards.loading import load_guard
from unlearning.guards.serving import LogitsGuard, encoded
from unlearning.guards.suppression import SuppressionLogitsProcessor

ANSWERS = 60
ROUNDS = 3
VOCABULARY = 8192


@dataclass(frozen=True)
class Bench:
    """A model, its tokenizer, and how much is generated."""

    model: Any
    tokenizer: Any
    tokens: int

    def seconds(self, inputs: Any, make: Callable[[], LogitsProcessor | None]) -> float:
        """Return the seconds of a step, the best of a few rounds; ``make`` builds the guard."""
        best = float("inf")
        for _ in range(ROUNDS):
            start = time.process_time()
            processor = make()
            with torch.inference_mode():
                self.model.generate(
                    **inputs,
                    logits_processor=LogitsProcessorList([processor] if processor else []),
                    max_new_tokens=self.tokens,
                    min_new_tokens=self.tokens,
                    do_sample=False,
                    pad_token_id=self.tokenizer.pad_token_id,
                )
            best = min(best, time.process_time() - start)
        return best / self.tokens

    def line(self, name: str, inputs: Any, make: Callable[[], LogitsProcessor | None]) -> None:
        """Measure without and with a guard, and print one line."""
        plain, guarded = self.seconds(inputs, lambda: None), self.seconds(inputs, make)
        extra = 1000 * (guarded - plain) / len(inputs["input_ids"])
        print(
            f"{name:28} x{guarded / plain:.2f} of {1000 * plain:.1f} ms a step "
            f"({extra:+.1f} ms a row)",
            flush=True,
        )


def bundle() -> Bundle:
    """Return a bundle as large as a patient's, about nobody."""
    key = secrets.token_bytes(32)
    grams = [(secrets.token_hex(4),) * (1 + number % 6) for number in range(ANSWERS)]
    return Bundle(
        id="b",
        model="m",
        model_version="v",
        model_digest="sha256:0",
        published_at=datetime.now(UTC),
        key=key.hex(),
        names=ngram_digests(key, grams[:2]),
        answers=ngram_digests(key, grams),
        lengths=(1, 2, 3, 4, 5, 6),
    )


def time_bundles(bench: Bench, inputs: Any, numbers: Sequence[int]) -> None:
    """Print what the platform's bundles cost; one candidate is greedy search, 50 sampling."""
    width = inputs["input_ids"].shape[1]
    for number in numbers:
        bundles = [bundle() for _ in range(number)]
        for candidates in (1, 50):
            bench.line(
                f"{number} bundles, {candidates} candidates",
                inputs,
                lambda bundles=bundles, candidates=candidates: SuppressionLogitsProcessor(
                    bench.tokenizer, bundles, prompt_length=width, candidates=candidates
                ),
            )


def time_guards(
    bench: Bench, forget: Sequence[Record], retain: Sequence[Record], batch: int
) -> None:
    """Print what a guard built for one person costs, on their prompts and on others'."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        models.save(bench.model, bench.tokenizer, folder / "model")
        files = folder / "forget.jsonl", folder / "retain.jsonl"
        for path, records in zip(files, (forget, retain), strict=True):
            write_records(path, records)
        for kind, settings in (("uld", '{"steps": 1, "layers": 1}'), ("guard", "{}")):
            guard_build(kind, (folder / "model", *files), folder / kind, settings)
            guard = load_guard(folder / kind, bench.model, bench.tokenizer)
            if not isinstance(guard, LogitsGuard):
                raise TypeError(kind)
            for name, records in (("on", forget), ("silent", retain)):
                prompts = [record.forms["question"].prompt for record in records[:batch]]
                inputs = encoded(bench.tokenizer, prompts)
                mask = inputs["attention_mask"]
                bench.line(
                    f"{kind}, {name}",
                    inputs,
                    lambda guard=guard, mask=mask: guard.processor(mask),
                )


def main() -> None:
    """Measure and print a line for each guard."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundles", type=int, nargs="+", default=[1, 10, 100])
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--layers", type=int, default=4)
    options = parser.parse_args()
    dataset = generate_hospital(HospitalSettings(institutions=1, pairs=20), seed=1)
    tokenizer = models.new_tokenizer(dataset.records, ("question",), VOCABULARY)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=options.hidden,
        intermediate_size=3 * options.hidden,
        num_hidden_layers=options.layers,
        num_attention_heads=8,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    bench = Bench(LlamaForCausalLM(config).eval(), tokenizer, options.tokens)
    subject = dataset.records[0].subject(1)
    forget = [record for record in dataset.records if record.subject(1) == subject]
    retain = [record for record in dataset.records if record.subject(1) != subject][:200]
    inputs = encoded(
        tokenizer, [record.forms["question"].prompt for record in retain[: options.batch]]
    )
    bench.seconds(inputs, lambda: None)  # warm up
    time_bundles(bench, inputs, options.bundles)
    time_guards(bench, forget, retain, options.batch)


if __name__ == "__main__":
    main()
