"""Evaluation logs of TOFU, in every layout they are published in, recomputed.

* TOFU's own (``eval_log_aggregated.json``): task -> column -> row -> number. A folder of the
  single tasks' files, or one of those files, is read as well, and columns that are lists.
* OpenUnlearning's ``TOFU_EVAL.json``: metric -> ``value_by_index`` -> row -> numbers.
* OpenUnlearning's ``TOFU_SUMMARY.json``: metric -> number; nothing is left to recompute.

Whatever a log allows is recomputed from what lies underneath: mean losses from sums and token
counts, ROUGE from the generated texts, truth ratios from the losses. :attr:`Split.deviations`
says how far that lies from what the log itself claims.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verification.benchmarks.table import BenchmarkError
from verification.text import normalized_loss, rouge_recall, truth_ratio

Floats = NDArray[np.float64]
Column = Mapping[str, Any]

SPLITS = ("retain", "real_authors", "world_facts", "forget")
_TASKS = (
    ("forget", "forget"),
    ("real_author", "real_authors"),
    ("real_world", "world_facts"),
    ("world_fact", "world_facts"),
    ("retain", "retain"),
    ("eval_log", "retain"),
)
_OPEN = {"forget": "forget", "retain": "retain", "ra": "real_authors", "wf": "world_facts"}
"""OpenUnlearning's prefixes of metric names."""


@dataclass(frozen=True)
class Split:
    """One evaluation set of a log, per row and in its order; what a log lacks is ``None``.

    ``losses`` are mean nats per token of the true answer, ``paraphrased`` of its paraphrase and
    ``perturbed`` of each wrong answer.
    """

    losses: Floats | None = None
    paraphrased: Floats | None = None
    perturbed: tuple[Floats, ...] | None = None
    rouge1: Floats | None = None
    rouge_l: Floats | None = None
    logged_ratios: Floats | None = None
    deviations: Mapping[str, float] = field(default_factory=dict)

    @property
    def truth_ratios(self) -> Floats | None:
        """Return wrong over right, per row; from the losses where they are there."""
        right, wrong = self.paraphrased, self.perturbed
        if right is None or wrong is None or len(right) != len(wrong):
            return self.logged_ratios
        return np.array([_ratio(*pair) for pair in zip(right, wrong, strict=True)])

    @property
    def option_losses(self) -> Floats | None:
        """Return the loss of the true answer's share among all options, per row."""
        if self.losses is None or self.perturbed is None or len(self.losses) != len(self.perturbed):
            return None
        pairs = zip(self.losses, self.perturbed, strict=True)
        return np.array([_option_loss(*pair) for pair in pairs])


def _ratio(right: float, wrong: Floats) -> float:
    return truth_ratio(right, wrong) if np.isfinite([right, *wrong]).all() else math.nan


def _option_loss(right: float, wrong: Floats) -> float:
    return normalized_loss(right, wrong) if np.isfinite([right, *wrong]).all() else math.nan


def load_log(path: Path, *, texts: bool = True) -> Mapping[str, Split]:
    """Return the splits of a log by name; raises :class:`BenchmarkError`.

    ``path`` is a file in one of the layouts, or a folder of TOFU's single-task files. Without
    ``texts`` the generated texts are not scored again, which is most of the work.
    """
    try:
        content = _content(path)
        if not texts:
            content = {
                name: {key: rows for key, rows in part.items() if key != "generated_text"}
                for name, part in content.items()
                if isinstance(part, dict) and "rouge" not in name.lower()
            }
        return parse_log(content)
    except BenchmarkError as error:
        message = f"{path}: {error}"
        raise BenchmarkError(message) from None


def parse_log(content: Mapping[str, Any]) -> Mapping[str, Split]:
    """Return the splits of a log that is in memory; raises :class:`BenchmarkError`."""
    if any(_split_of_task(name) and _is_task(part) for name, part in content.items()):
        tasks = {_split_of_task(name): part for name, part in content.items() if _is_task(part)}
        splits = {name: _from_task(part) for name, part in tasks.items() if name}
    else:
        splits = _from_open_unlearning(content)
    if not splits:
        message = "in none of the log formats of TOFU or OpenUnlearning"
        raise BenchmarkError(message)
    return {name: splits[name] for name in SPLITS if name in splits}


def summary(path: Path) -> Mapping[str, float]:
    """Return the single numbers that a log states without what they were computed from."""
    found = {}
    for name, part in _content(path).items():
        value = part.get("agg_value") if isinstance(part, dict) else part
        if isinstance(value, int | float) and not isinstance(value, bool):
            found[name] = float(value)
    return found


def _content(path: Path) -> dict[str, Any]:
    try:
        if path.is_dir():
            files = sorted(path.glob("*.json"))
            whole = [file for file in files if "aggregated" in file.name or "EVAL" in file.name]
            chosen = whole[:1] or files
            parts = {file.name: _read(file) for file in chosen}
            content = parts[chosen[0].name] if whole else parts
        else:
            content = _read(path)
            if isinstance(content, dict) and _is_task(content):
                content = {path.name: content}
    except (OSError, ValueError, UnicodeDecodeError) as error:
        message = f"{path} cannot be read as a log ({type(error).__name__})"
        raise BenchmarkError(message) from None
    if not isinstance(content, dict) or not content:
        message = f"{path} holds no log"
        raise BenchmarkError(message)
    return content


def _read(path: Path) -> Any:
    """Read JSON; a broken model's log may hold NaN, which then makes its metrics unmeasured."""
    return json.loads(path.read_text(encoding="utf-8"))


def _is_task(part: Any) -> bool:
    return isinstance(part, dict) and bool(
        {"avg_gt_loss", "gt_loss", "avg_paraphrased_loss", "truth_ratio"} & part.keys()
    )


def _split_of_task(name: str) -> str:
    return next((split for key, split in _TASKS if key in name), "")


def _column(part: Mapping[str, Any], name: str) -> Column | None:
    """Return a column by row, ordered by number; rows without a value are left out."""
    values = part.get(name)
    if isinstance(values, list):
        values = dict(enumerate(values))
    if not isinstance(values, dict) or not values:
        return None
    return _ordered({str(row): value for row, value in values.items() if value is not None})


def _ordered(column: Column) -> Column:
    """Return the rows by number where they are numbered, so that all columns agree."""
    if all(row.isdecimal() for row in column):
        return {row: column[row] for row in sorted(column, key=int)}
    return column


def _means(part: Mapping[str, Any], mean: str, total: str, count: str) -> Column | None:
    """Return a mean loss by row: sum / tokens if both are there, else what the log states."""
    sums, tokens = _column(part, total), _column(part, count)
    if sums is None or tokens is None:
        return _column(part, mean)
    return {row: np.divide(value, tokens[row]) for row, value in sums.items() if row in tokens}


def _from_task(part: Mapping[str, Any]) -> Split:
    """Read one task of TOFU's own log."""
    losses = _means(part, "avg_gt_loss", "gt_loss", "num_token_gt")
    right = _means(part, "avg_paraphrased_loss", "paraphrased_loss", "num_token_paraphrased")
    wrong = _means(part, "average_perturb_loss", "perturb_loss", "num_token_perturb")
    texts = _column(part, "generated_text")
    scores = None
    if texts is not None:
        # The whole generation counts; the last two entries are text and true answer.
        scores = {row: rouge_recall(item[-2], item[-1]) for row, item in texts.items()}
    split = Split(
        losses=_floats(losses),
        paraphrased=_floats(right),
        perturbed=_rows(wrong),
        rouge1=_rouge(scores, "rouge1", part),
        rouge_l=_rouge(scores, "rougeL", part),
        logged_ratios=_floats(_column(part, "truth_ratio")),
    )
    pairs = {
        "avg_gt_loss": (split.losses, _column(part, "avg_gt_loss")),
        "avg_paraphrased_loss": (split.paraphrased, _column(part, "avg_paraphrased_loss")),
        "truth_ratio": (split.truth_ratios, _column(part, "truth_ratio")),
        "rouge1_recall": (split.rouge1, _column(part, "rouge1_recall")),
        "rougeL_recall": (split.rouge_l, _column(part, "rougeL_recall")),
        "normalized_gt_loss": (split.option_losses, _column(part, "normalized_gt_loss")),
    }
    return Split(**{**vars(split), "deviations": _deviations(pairs)})


def _deviations(pairs: Mapping[str, tuple[Floats | None, Column | None]]) -> dict[str, float]:
    """Return the largest relative distance of what was recomputed from what is logged."""
    found = {}
    for name, (computed, column) in pairs.items():
        logged = _floats(column)
        if computed is None or logged is None:
            continue
        if computed.shape != logged.shape:
            found[name] = float("inf")
            continue
        scale = np.maximum(np.abs(logged), 1e-6)
        found[name] = float(np.max(np.abs(computed - logged) / scale))
    return found


def _rouge(
    scores: Mapping[str, Mapping[str, float]] | None, name: str, part: Mapping[str, Any]
) -> Floats | None:
    if scores is not None:
        return np.array([item[name] for item in scores.values()])
    return _floats(_column(part, f"{name}_recall"))


def _floats(column: Column | None) -> Floats | None:
    if not column:
        return None
    try:
        return np.array([float(value) for value in column.values()])
    except (TypeError, ValueError):
        message = "a column holds something that is not a number"
        raise BenchmarkError(message) from None


def _rows(column: Column | None) -> tuple[Floats, ...] | None:
    """Return the wrong answers' losses, one array a row."""
    if not column:
        return None
    return tuple(np.atleast_1d(np.asarray(item, dtype=np.float64)) for item in column.values())


def _from_open_unlearning(content: Mapping[str, Any]) -> dict[str, Split]:
    """Read OpenUnlearning's per-row metrics; metric names are compared without case."""
    metrics = {
        name.lower(): part["value_by_index"]
        for name, part in content.items()
        if isinstance(part, dict) and isinstance(part.get("value_by_index"), dict)
    }
    splits = {}
    for prefix, name in _OPEN.items():
        losses = _inner(metrics.get(f"{prefix}_q_a_prob"), "avg_loss")
        right = _inner(metrics.get(f"{prefix}_q_a_para_prob"), "avg_loss")
        if right is None and name in {"real_authors", "world_facts"}:
            right = losses  # these sets have no paraphrase: the answer itself stands in
        texts = metrics.get(f"{prefix}_q_a_rouge")
        split = Split(
            losses=_floats(losses),
            paraphrased=_floats(right),
            perturbed=_rows(_inner(metrics.get(f"{prefix}_q_a_pert_prob"), "avg_loss")),
            rouge1=_open_rouge(texts, "rouge1"),
            rouge_l=_open_rouge(texts, "rougeL"),
            logged_ratios=_floats(_inner(metrics.get(f"{prefix}_truth_ratio"), "score")),
        )
        if any(value is not None for key, value in vars(split).items() if key != "deviations"):
            splits[name] = split
    return splits


def _inner(rows: Any, key: str) -> Column | None:
    if not isinstance(rows, dict):
        return None
    found = {
        str(row): value[key]
        for row, value in rows.items()
        if isinstance(value, dict) and value.get(key) is not None
    }
    return _ordered(found) if found else None


def _open_rouge(rows: Any, name: str) -> Floats | None:
    """Recompute ROUGE recall from the kept texts, else take the logged values."""
    texts, true = _inner(rows, "generation"), _inner(rows, "ground_truth")
    if texts is None or true is None:
        return _floats(_inner(rows, f"{name}_recall"))
    return np.array([rouge_recall(text, true[row])[name] for row, text in texts.items()])
