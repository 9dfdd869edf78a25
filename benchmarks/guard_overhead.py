"""Guard overhead: seconds a token with containment bundles against seconds without.

    python benchmarks/guard_overhead.py [--bundles 1 10 100] [--batch 4] [--tokens 48]

A random model of the given size generates greedily; nothing it says is suppressed, so both sides
do the same steps. The overhead is a fixed cost a step (decoding the candidates and cutting them
into words) and one that grows with the number of bundles (a keyed hash each); the larger the
model, the smaller the ratio. Greedy search needs one candidate, sampling as many as it chooses
from.
"""

from __future__ import annotations

import argparse
import secrets
import time
from datetime import UTC, datetime

import torch
from transformers import LlamaConfig, LlamaForCausalLM, LogitsProcessorList

from contract.containment import Bundle, ngram_digests
from corpora.hospital import HospitalSettings, generate_hospital
from unlearning.guards.suppression import SuppressionLogitsProcessor
from unlearning.models import new_tokenizer

ANSWERS = 60
ROUNDS = 3


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


def main() -> None:
    """Measure and print one line for each number of bundles."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundles", type=int, nargs="+", default=[1, 10, 100])
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--layers", type=int, default=4)
    options = parser.parse_args()
    dataset = generate_hospital(HospitalSettings(institutions=1, pairs=20), seed=1)
    tokenizer = new_tokenizer(dataset.records, ("question",), 8192)
    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=options.hidden,
            intermediate_size=3 * options.hidden,
            num_hidden_layers=options.layers,
            num_attention_heads=8,
        )
    ).eval()
    prompt = torch.randint(5, len(tokenizer), (options.batch, 32))

    def seconds(bundles: list[Bundle], candidates: int = 1) -> float:
        best = float("inf")
        for _ in range(ROUNDS):
            guard = SuppressionLogitsProcessor(
                tokenizer, bundles, prompt_length=prompt.shape[1], candidates=candidates
            )
            start = time.perf_counter()
            with torch.inference_mode():
                model.generate(
                    prompt,
                    attention_mask=torch.ones_like(prompt),
                    logits_processor=LogitsProcessorList([guard] if bundles else []),
                    max_new_tokens=options.tokens,
                    min_new_tokens=options.tokens,
                    do_sample=False,
                    pad_token_id=tokenizer.pad_token_id,
                )
            best = min(best, time.perf_counter() - start)
        return best / options.tokens

    seconds([])  # warm up
    for number in options.bundles:
        bundles = [bundle() for _ in range(number)]
        for candidates in (1, 50):
            plain, guarded = seconds([]), seconds(bundles, candidates)
            extra = 1000 * (guarded - plain) / options.batch
            print(
                f"{number:4} bundles, {candidates:2} candidates: x{guarded / plain:.2f} of "
                f"{1000 * plain:.1f} ms a step ({extra:+.1f} ms a row)"
            )


if __name__ == "__main__":
    main()
