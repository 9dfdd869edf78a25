"""What does asking once save? One pass for all likelihood metrics against one pass for each.

The same metrics of the same records under the same two models are computed twice: by the
verifier, which asks every question once and reads all metrics off the answer, and in the naive
way, in which every metric tokenises, pads and runs its own forward pass over whole prompts and
then takes its own log-softmax. Both use the same batch size, so the ratio is that of the design.
The numbers must agree; the script fails if they do not.

    python -m benchmarks.verification --save benchmarks/results/verification.json

The models are untrained: what a forward pass costs does not depend on what was learned.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from contract.canonical import write_json
from contract.record import Form, Record
from corpora.assignment import Arm
from corpora.hospital import HospitalSettings, generate_hospital
from verification.families.causal_lm import CausalLM
from verification.plan import package_versions
from verification.scores import loss_score, min_k_plus_plus_score, min_k_score, zlib_score
from verification.signals import Signal, Signals
from verification.text import exact_memorization, extraction_strength

ROWS = 64
TOLERANCE = 1e-4
"""Batches are composed differently, so the last digits of float32 differ."""
Key = tuple[str, str, str]
Metric = Callable[[Signal], float]

METRICS: Mapping[str, Metric] = {
    "loss": lambda signal: loss_score(signal.log_probs),
    "zlib": lambda signal: zlib_score(signal.log_probs, signal.answer),
    "min_k": lambda signal: min_k_score(signal.log_probs),
    "min_k_plus_plus": lambda signal: min_k_plus_plus_score(
        signal.log_probs, signal.mean, signal.deviation
    ),
    "probability": lambda signal: float(np.exp(signal.log_probs.mean())),
    "exact_memorization": lambda signal: exact_memorization(signal.hits.tolist()),
    "extraction_strength": lambda signal: extraction_strength(signal.hits.tolist()),
}


@dataclass
class Cost:
    """Forward passes (samples), tokens read and seconds."""

    passes: int = 0
    tokens: int = 0
    seconds: float = 0.0


def one_pass(
    lms: Sequence[CausalLM], forms: Mapping[tuple[str, str], Form]
) -> tuple[dict[str, dict[Key, float]], Cost]:
    """Compute every metric from one answer to every question."""
    began, signals = time.perf_counter(), Signals()
    found: dict[str, dict[Key, float]] = {name: {} for name in METRICS}
    for name, metric in METRICS.items():
        for lm in lms:
            for key, signal in signals.ask(lm, forms).items():
                found[name][lm.key, *key] = metric(signal)
    seconds = time.perf_counter() - began
    return found, Cost(signals.forward_passes, signals.tokens, seconds)


def naive(
    lms: Sequence[CausalLM], forms: Mapping[tuple[str, str], Form]
) -> tuple[dict[str, dict[Key, float]], Cost]:
    """Compute every metric with tokenisation and forward passes of its own."""
    began, cost = time.perf_counter(), Cost()
    found: dict[str, dict[Key, float]] = {name: {} for name in METRICS}
    keys = list(forms)
    for name, metric in METRICS.items():
        for lm in lms:
            for first in range(0, len(keys), ROWS):
                batch = keys[first : first + ROWS]
                signals = _whole(lm, [forms[key] for key in batch], cost)
                for key, signal in zip(batch, signals, strict=True):
                    found[name][lm.key, *key] = metric(signal)
    cost.seconds = time.perf_counter() - began
    return found, cost


def _whole(lm: CausalLM, forms: Sequence[Form], cost: Cost) -> list[Signal]:
    """Run one batch as a metric on its own does: logits of every position, then its answers."""
    encoded = [lm.encode(form) for form in forms]
    width = max(len(item.ids) for item in encoded)
    ids = torch.tensor([item.ids + (0,) * (width - len(item.ids)) for item in encoded])
    lengths = torch.tensor([[len(item.ids)] for item in encoded])
    with torch.inference_mode():
        logits = lm.model(
            input_ids=ids, attention_mask=(torch.arange(width) < lengths).long()
        ).logits
        log_probs = torch.log_softmax(logits.float(), dim=-1)
    cost.passes += len(encoded)
    cost.tokens += sum(len(item.ids) for item in encoded)
    found = []
    for row, (item, form) in enumerate(zip(encoded, forms, strict=True)):
        own = log_probs[row, item.start - 1 : len(item.ids) - 1]
        targets = torch.tensor(item.answer)
        probs = own.exp()
        mean = (probs * own).sum(-1)
        spread = (probs * (own - mean[:, None]).square()).sum(-1).sqrt()
        true = own.gather(-1, targets[:, None])[:, 0]
        found.append(
            Signal(
                true.double().numpy(),
                mean.double().numpy(),
                spread.double().numpy(),
                (own.argmax(-1) == targets).numpy(),
                form.answer,
                -float(np.log(own.shape[-1])),
            )
        )
    return found


def material(seed: int) -> tuple[dict[tuple[str, str], Form], list[CausalLM]]:
    """Return the questions about one person and the twins, and two untrained models."""
    dataset = generate_hospital(HospitalSettings(institutions=2, pairs=4, public=0), seed)
    person = dataset.subjects(Arm.TRAINED)[0]
    trained = dataset.arm(Arm.TRAINED)
    forget = [record for record in trained if dataset.subject_of(record) == person]
    asked = [*forget, *dataset.split_twins()[1]]
    forms = {(record.id, name): record.forms[name] for record in asked for name in dataset.forms}
    words = _tokenizer([*trained, *asked])
    return forms, [_model(key, words, seed + place) for place, key in enumerate(("old", "new"))]


def _tokenizer(records: Sequence[Record]) -> Any:
    plain = Tokenizer(models.BPE())
    plain.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    plain.decoder = decoders.ByteLevel()
    texts = [form.prompt + form.answer for record in records for form in record.forms.values()]
    trainer = trainers.BpeTrainer(
        vocab_size=2048,
        special_tokens=["<end>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    plain.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=plain, eos_token="<end>")  # noqa: S106 - a token of text


def _model(key: str, words: Any, seed: int) -> CausalLM:
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(words),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=4,
        num_attention_heads=4,
        max_position_embeddings=256,
    )
    return CausalLM(key, LlamaForCausalLM(config).eval(), words, torch.device("cpu"))


def compared(seed: int, repeats: int) -> dict[str, Any]:
    """Run both ways in turns; raises ``ValueError`` when a number differs."""
    forms, lms = material(seed)
    runs = [(one_pass(lms, forms), naive(lms, forms)) for _ in range(repeats)]
    (ours, _), (theirs, _) = runs[0]
    worst = max(
        abs(ours[name][key] - value) for name in METRICS for key, value in theirs[name].items()
    )
    if worst > TOLERANCE:
        raise ValueError(f"the two ways differ by {worst:g}")
    costs = [[run[way][1] for run in runs] for way in (0, 1)]
    mine, other = (
        Cost(own[0].passes, own[0].tokens, statistics.median(cost.seconds for cost in own))
        for own in costs
    )
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "seed": seed,
        "repeats": repeats,
        "metrics": list(METRICS),
        "questions": len(forms),
        "models": len(lms),
        "one_pass": vars(mine),
        "naive": vars(other),
        "ratio": {name: vars(other)[name] / vars(mine)[name] for name in vars(mine)},
        "largest_difference": worst,
        "threads": torch.get_num_threads(),
        "versions": package_versions(),
    }


def main() -> None:
    """Print the comparison, and save it where asked."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--save", type=Path)
    options = parser.parse_args()
    found = compared(options.seed, options.repeats)
    print(f"{found['questions']} questions, {found['models']} models, {len(METRICS)} metrics")
    print(f"{'':12}{'one pass':>12}{'naive':>12}{'ratio':>8}")
    for name in ("passes", "tokens", "seconds"):
        mine, other, ratio = (found[way][name] for way in ("one_pass", "naive", "ratio"))
        print(f"{name:12}{mine:12,.3g}{other:12,.3g}{ratio:8.2f}")
    print(f"largest difference between the numbers: {found['largest_difference']:.1g}")
    if options.save:
        options.save.parent.mkdir(parents=True, exist_ok=True)
        write_json(options.save, json.loads(json.dumps(found)))


if __name__ == "__main__":
    main()
