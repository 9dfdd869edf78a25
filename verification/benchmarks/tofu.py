"""TOFU: fictitious authors, forgotten as 1, 5 or 10 % of them (Maini et al., arXiv 2401.06121).

Parts: ``forget10_perturbed`` (or 05, 01), ``retain_perturbed``, ``real_authors_perturbed`` and
``world_facts_perturbed``: question, answer, paraphrased answer and wrong answers.

Measured per set, as published: probability of the answer (of its share among the options where
answers are options), ROUGE-1 and ROUGE-L *recall* with stemming of at most 200 greedy tokens,
and the truth ratio of paraphrased against wrong answers. The end token is scored with an answer.
Model utility is the harmonic mean of nine of them, forget quality the exact two-sample KS
p-value of truth ratios against a model that never saw the forget set (its log is ``--reference``).

Limits: forget quality above .05 is absence of power, not deletion; no profile decides by it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from contract.canonical import write_json
from contract.record import Form, Record
from verification.benchmarks.exam import Exam
from verification.benchmarks.registry import Options, benchmark
from verification.benchmarks.scoring import mean
from verification.benchmarks.source import Row, Source
from verification.benchmarks.table import BenchmarkError, Metric, Table
from verification.benchmarks.tofu_log import SPLITS, Floats, Split, load_log, parse_log, summary
from verification.text import (
    exact_memorization,
    extraction_strength,
    forget_quality,
    model_utility,
    normalized_loss,
    rouge_recall,
    truth_ratio,
)

NEW_TOKENS = 200
FORGET_SPLITS = ("forget10", "forget05", "forget01")
TASKS = {
    "retain": "eval_log.json",
    "real_authors": "eval_real_author_wo_options.json",
    "world_facts": "eval_real_world_wo_options.json",
    "forget": "eval_log_forget.json",
}
OPTION_SPLITS = frozenset({"real_authors", "world_facts"})
PARTS = {
    f"{name}_perturbed": (f"{name}_perturbed", "train")
    for name in (*FORGET_SPLITS, "retain", "real_authors", "world_facts")
}


@benchmark(
    title="TOFU: forget quality and model utility",
    source="Maini et al. 2024, arXiv 2401.06121",
    hub="locuslab/TOFU",
    parts=PARTS,
)
def tofu(exam: Exam, source: Source, options: Options) -> Table:
    """Ask all four sets, write the published log if asked to, and compute the table from it."""
    chosen = forget_split(source, options.split)
    log: dict[str, dict[str, Any]] = {}
    hits: dict[str, list[list[bool]]] = {}
    columns = ("question", "answer", "perturbed_answer")
    for split in SPLITS:
        part = f"{chosen if split == 'forget' else split}_perturbed"
        records = exam.first(tofu_records(source.rows(part, columns), split))
        found = task_log(exam, records, options_asked=split in OPTION_SPLITS)
        log[TASKS[split]], hits[split] = found
    if options.log is not None:
        write_json(options.log, log)
    reference = load_log(options.reference, texts=False) if options.reference else None
    metrics = [
        *metrics_of(parse_log(log), reference),
        mean("forget_extraction_strength", map(extraction_strength, hits["forget"])),
        mean("forget_exact_memorization", map(exact_memorization, hits["forget"])),
    ]
    settings = {"forget set": chosen, "rouge": "rouge_score, stemmer, recall", "tokens": NEW_TOKENS}
    return Table("tofu", str(source), tuple(metrics), settings)


def forget_split(source: Source, wish: str) -> str:
    """Return the forget set asked for, or the largest that is there."""
    names = (wish,) if wish else FORGET_SPLITS
    for name in names:
        if source.has(f"{name}_perturbed"):
            return name
    message = f"{source} holds no {' or '.join(f'{name}_perturbed' for name in names)}"
    raise BenchmarkError(message)


def tofu_records(rows: Sequence[Row], split: str) -> tuple[Record, ...]:
    """Return rows as records: ``question`` as trained, ``paraphrase`` for the truth ratio.

    Where a set has no paraphrased answers, the true answer stands in, as published.
    """
    return tuple(
        Record(
            f"tofu-{split}-{number:05}",
            (split,),
            {
                "question": Form(row["question"], row["answer"], tuple(row["perturbed_answer"])),
                "paraphrase": Form(
                    row["question"],
                    row.get("paraphrased_answer", row["answer"]),
                    tuple(row["perturbed_answer"]),
                ),
            },
        )
        for number, row in enumerate(rows)
    )


def task_log(
    exam: Exam, records: Sequence[Record], *, options_asked: bool
) -> tuple[dict[str, Any], list[list[bool]]]:
    """Return one task of the published log, and which answer tokens the model would write."""
    forms: dict[tuple[str, str], Form] = {}
    for record in records:
        forms[record.id, "true"] = _scored(exam, record.forms["question"].answer, record)
        paraphrase = record.forms["paraphrase"]
        forms[record.id, "paraphrase"] = _scored(exam, paraphrase.answer, record)
        for number, wrong in enumerate(paraphrase.wrong):
            forms[record.id, f"wrong {number}"] = _scored(exam, wrong, record)
    signals = exam.ask(forms)
    prompts = {record.id: _scored(exam, "", record).prompt for record in records}
    texts = exam.write(prompts, NEW_TOKENS)
    log: dict[str, dict[str, Any]] = {}
    for row, record in enumerate(records):
        others = [
            signals[record.id, f"wrong {number}"].log_probs
            for number in range(len(record.forms["paraphrase"].wrong))
        ]
        true = signals[record.id, "true"].log_probs
        columns = _losses(true, signals[record.id, "paraphrase"].log_probs, others)
        if options_asked:
            means = columns["average_perturb_loss"]
            columns["normalized_gt_loss"] = normalized_loss(-true.mean(), means)
        answer, text = record.forms["question"].answer, texts[record.id]
        columns["generated_text"] = [prompts[record.id], text, answer]
        scores = rouge_recall(text, answer)
        columns |= {f"{name}_recall": score for name, score in scores.items()}
        for column, value in columns.items():
            log.setdefault(column, {})[str(row)] = value
    # The end token is scored but is no part of the answer's words.
    ends = 1 if exam.end else 0
    hits = [signals[record.id, "true"].hits.tolist() for record in records]
    return log, [item[: len(item) - ends] for item in hits]


def _losses(true: Floats, right: Floats, wrong: Sequence[Floats]) -> dict[str, Any]:
    """Return a row's losses as the published log names them."""
    means = [-float(item.mean()) for item in wrong]
    return {
        "gt_loss": -float(true.sum()),
        "num_token_gt": len(true),
        "avg_gt_loss": -float(true.mean()),
        "paraphrased_loss": -float(right.sum()),
        "num_token_paraphrased": len(right),
        "avg_paraphrased_loss": -float(right.mean()),
        "perturb_loss": [-float(item.sum()) for item in wrong],
        "num_token_perturb": [len(item) for item in wrong],
        "average_perturb_loss": means,
        "truth_ratio": truth_ratio(-float(right.mean()), means),
    }


def _scored(exam: Exam, answer: str, record: Record) -> Form:
    asked = exam.question(record.forms["question"].prompt)
    return Form(asked.prompt, asked.answer + answer + exam.end)


def read_log(path: Path, reference: Path | None = None) -> Table:
    """Return the metrics of a published log, recomputed from what lies underneath.

    ``reference`` is the log of a model trained without the forget set; forget quality needs it.
    Raises :class:`BenchmarkError` for what is no log.
    """
    path = Path(path)
    try:
        splits = load_log(path)
    except BenchmarkError:
        stated = summary(path)
        if not stated:
            raise
        metrics = tuple(Metric(name, value) for name, value in stated.items())
        return Table("tofu", str(path), metrics, notes=("a summary: nothing to recompute from",))
    known = load_log(Path(reference), texts=False) if reference is not None else None
    notes = tuple(
        f"{name}: recomputed values differ from the logged ones by at most "
        + ", ".join(f"{distance:.1e} ({column})" for column, distance in far.items())
        for name, split in splits.items()
        if (far := {key: value for key, value in split.deviations.items() if value > TOLERANCE})
    )
    return Table("tofu", str(path), tuple(metrics_of(splits, known)), notes=notes)


TOLERANCE = 1e-4
"""Relative distance from the logged value that single-precision losses explain."""


def metrics_of(
    splits: Mapping[str, Split], reference: Mapping[str, Split] | None = None
) -> list[Metric]:
    """Return every metric that the splits allow, in the published order."""
    found: dict[str, Metric] = {}
    for name, split in splits.items():
        for kind, values in _columns(name, split).items():
            found[f"{name}_{kind}"] = _mean(f"{name}_{kind}", values)
    nine = [
        found.get(f"{name}_{kind}")
        for name in SPLITS[:3]
        for kind in ("probability", "rougeL", "truth_ratio")
    ]
    known = [item.value for item in nine if item is not None and item.value is not None]
    if len(known) == len(nine):
        utility = Metric("model_utility", model_utility(known))
    else:
        note = f"{len(nine) - len(known)} of its nine components are missing"
        utility = Metric("model_utility", None, note=note)
    return [*found.values(), utility, *_quality(splits.get("forget"), reference)]


def _columns(name: str, split: Split) -> dict[str, Floats]:
    losses = split.option_losses if name in OPTION_SPLITS else split.losses
    columns = {
        "probability": None if losses is None else np.exp(-losses),
        "rouge1": split.rouge1,
        "rougeL": split.rouge_l,
        "truth_ratio": None,
    }
    ratios = split.truth_ratios
    if ratios is not None:
        closeness = np.minimum(ratios, 1.0 / np.maximum(ratios, np.finfo(np.float64).tiny))
        truth = np.maximum(0.0, 1.0 - ratios)
        columns["truth_ratio"] = closeness if name == "forget" else truth
    return {kind: values for kind, values in columns.items() if values is not None}


def _mean(name: str, values: Floats) -> Metric:
    broken = int(np.count_nonzero(~np.isfinite(values)))
    if broken:
        note = f"{broken} of {values.size} values are not finite: the model is broken"
        return Metric(name, None, values.size, note=note)
    return Metric(name, float(values.mean()), values.size)


def _quality(forget: Split | None, reference: Mapping[str, Split] | None) -> list[Metric]:
    own = None if forget is None else forget.truth_ratios
    other = reference["forget"].truth_ratios if reference and "forget" in reference else None
    names = ("forget_quality", "forget_ks_statistic")
    if own is None or other is None:
        note = "needs the forget set's log of a model trained without it (--reference)"
        return [Metric(name, None, note=note) for name in names]
    if not (np.isfinite(own).all() and np.isfinite(other).all()):
        note = "truth ratios that are not finite cannot be compared"
        return [Metric(name, None, note=note) for name in names]
    statistic, p_value = forget_quality(own, other)
    note = f"against {other.size} rows of the reference"
    return [
        Metric("forget_quality", p_value, own.size, note=note),
        Metric("forget_ks_statistic", statistic, own.size),
    ]
