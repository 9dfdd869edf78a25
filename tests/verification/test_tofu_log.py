"""TOFU's evaluation logs, in every layout, recomputed from what lies underneath."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from verification.benchmarks.table import BenchmarkError
from verification.benchmarks.tofu import TASKS, read_log
from verification.text import normalized_loss, rouge_recall, truth_ratio

Log = dict[str, dict[str, dict[str, Any]]]

SIZES = {"retain": 6, "real_authors": 5, "world_facts": 4, "forget": 8}
SUMS = frozenset(
    {
        *("gt_loss", "paraphrased_loss", "perturb_loss", "generated_text"),
        *("num_token_gt", "num_token_paraphrased", "num_token_perturb"),
    }
)
MEMBERS = ("forget_probability", "retain_rougeL", "world_facts_truth_ratio", "model_utility")


def _log(seed: int) -> Log:
    """Return a made-up log in which every number follows from the sums and texts."""
    rng = np.random.default_rng(seed)
    return {
        TASKS[split]: _task(rng, size, options=split in {"real_authors", "world_facts"})
        for split, size in SIZES.items()
    }


def _task(rng: np.random.Generator, size: int, *, options: bool) -> dict[str, dict[str, Any]]:
    words = ["the", "author", "wrote", "books", "in", "Chile"]
    task: dict[str, dict[str, Any]] = {}
    for row in range(size):
        tokens, others = int(rng.integers(5, 20)), rng.integers(5, 20, 3)
        true, wrong = rng.gamma(2.0), rng.gamma(3.0, size=3)
        right = true if options else rng.gamma(2.0)  # those sets have no paraphrased answers
        answer, text = (" ".join(rng.choice(words, 5)) for _ in range(2))
        columns = {
            "gt_loss": true * tokens,
            "num_token_gt": tokens,
            "avg_gt_loss": true,
            "paraphrased_loss": right * tokens,
            "num_token_paraphrased": tokens,
            "avg_paraphrased_loss": right,
            "perturb_loss": list(wrong * others),
            "num_token_perturb": [int(count) for count in others],
            "average_perturb_loss": list(wrong),
            "truth_ratio": truth_ratio(right, wrong),
            "generated_text": ["Question: who?\n", f"Answer: {text}", answer],
        }
        scores = rouge_recall(f"Answer: {text}", answer)
        columns |= {f"{name}_recall": value for name, value in scores.items()}
        if options:
            columns["normalized_gt_loss"] = normalized_loss(true, wrong)
        for name, value in columns.items():
            task.setdefault(name, {})[str(row)] = value
    return task


def _written(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def _as_open_unlearning(log: Log) -> dict[str, Any]:
    """Say the same in OpenUnlearning's words."""
    prefixes = {"forget": "forget", "retain": "retain", "real_authors": "ra", "world_facts": "wf"}
    metrics: dict[str, Any] = {}

    def put(name: str, rows: dict[str, Any]) -> None:
        metrics[name] = {"agg_value": 0.5, "value_by_index": rows}

    for split, prefix in prefixes.items():
        part = log[TASKS[split]]

        def losses(column: str, part: dict[str, Any] = part) -> dict[str, Any]:
            return {row: {"prob": 0.1, "avg_loss": value} for row, value in part[column].items()}

        put(f"{prefix}_Q_A_Prob", losses("avg_gt_loss"))
        put(f"{prefix}_Q_A_PERT_Prob", losses("average_perturb_loss"))
        if split in {"forget", "retain"}:
            put(f"{prefix}_Q_A_PARA_Prob", losses("avg_paraphrased_loss"))
        texts = {
            row: {"generation": text, "ground_truth": answer, "rougeL_f1": 0.0}
            for row, (_, text, answer) in part["generated_text"].items()
        }
        put(f"{prefix}_Q_A_ROUGE", texts)
    return metrics


def test_every_metric_follows_from_the_sums_and_the_texts(tmp_path: Path) -> None:
    log = _log(0)
    table = read_log(_written(tmp_path / "eval_log_aggregated.json", log))
    retain, facts = log["eval_log.json"], log["eval_real_world_wo_options.json"]
    assert table["retain_probability"] == pytest.approx(
        np.mean(np.exp(-np.array(list(retain["avg_gt_loss"].values()))))
    )
    assert table["world_facts_probability"] == pytest.approx(
        np.mean(np.exp(-np.array(list(facts["normalized_gt_loss"].values()))))
    )
    ratios = np.array(list(log["eval_log_forget.json"]["truth_ratio"].values()))
    assert table["forget_truth_ratio"] == pytest.approx(np.mean(np.minimum(ratios, 1 / ratios)))
    nine = [
        float(table[f"{split}_{kind}"] or 0.0)
        for split in ("retain", "real_authors", "world_facts")
        for kind in ("probability", "rougeL", "truth_ratio")
    ]
    assert table["model_utility"] == pytest.approx(stats.hmean(nine))
    assert table.metric("forget_probability").records == 8
    assert table.notes == ()


def test_forget_quality_needs_and_uses_the_log_of_a_retrained_model(tmp_path: Path) -> None:
    own, other = _log(1), _log(2)
    path, reference = _written(tmp_path / "a.json", own), _written(tmp_path / "b.json", other)
    assert read_log(path)["forget_quality"] is None
    assert "--reference" in read_log(path).metric("forget_quality").note
    first, second = (
        list(log["eval_log_forget.json"]["truth_ratio"].values()) for log in (own, other)
    )
    expected = stats.ks_2samp(first, second)
    table = read_log(path, reference)
    assert table["forget_quality"] == pytest.approx(expected.pvalue)
    assert table["forget_ks_statistic"] == pytest.approx(expected.statistic)
    assert read_log(path, path)["forget_quality"] == 1.0


def _folder(path: Path, log: Log) -> Path:
    path.mkdir()
    for name, part in log.items():
        _written(path / name, part)
    return path


LAYOUTS: dict[str, Callable[[Path, Log], Path]] = {
    "folder of tasks": lambda path, log: _folder(path / "eval", log),
    "columns as lists": lambda path, log: _written(
        path / "x.json",
        {t: {c: list(rows.values()) for c, rows in part.items()} for t, part in log.items()},
    ),
    "rows in another order": lambda path, log: _written(
        path / "x.json",
        {t: {c: dict(reversed(r.items())) for c, r in part.items()} for t, part in log.items()},
    ),
    "means alone": lambda path, log: _written(
        path / "x.json",
        {
            t: {c: rows for c, rows in part.items() if "_token_" not in c and "text" not in c}
            for t, part in log.items()
        },
    ),
    "sums alone": lambda path, log: _written(
        path / "x.json",
        {t: {c: rows for c, rows in part.items() if c in SUMS} for t, part in log.items()},
    ),
    "OpenUnlearning": lambda path, log: _written(path / "TOFU_EVAL.json", _as_open_unlearning(log)),
    "OpenUnlearning in lower case": lambda path, log: _written(
        path / "x.json", {k.lower(): v for k, v in _as_open_unlearning(log).items()}
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_metrics(tmp_path: Path, layout: str) -> None:
    log = _log(3)
    plain = read_log(_written(tmp_path / "plain.json", log))
    table = read_log(LAYOUTS[layout](tmp_path, log))
    assert table.values() == pytest.approx(plain.values())


def test_one_task_alone_gives_its_own_metrics(tmp_path: Path) -> None:
    path = _written(tmp_path / "eval_log_forget.json", _log(4)["eval_log_forget.json"])
    table = read_log(path)
    assert table["forget_rouge1"] is not None
    assert table["model_utility"] is None
    assert "9 of its nine" in table.metric("model_utility").note


def test_a_summary_is_read_as_it_stands(tmp_path: Path) -> None:
    path = _written(tmp_path / "TOFU_SUMMARY.json", {"forget_quality": 0.01, "model_utility": 0.6})
    table = read_log(path)
    assert table.values() == {"forget_quality": 0.01, "model_utility": 0.6}
    assert "summary" in table.notes[0]


def test_numbers_that_do_not_follow_from_their_texts_are_named(tmp_path: Path) -> None:
    log = copy.deepcopy(_log(5))
    log["eval_log.json"]["rougeL_recall"]["2"] += 0.3
    table = read_log(_written(tmp_path / "x.json", log))
    assert len(table.notes) == 1
    assert "retain" in table.notes[0] and "rougeL_recall" in table.notes[0]


def test_a_broken_model_is_not_measured_and_said_to_be_broken(tmp_path: Path) -> None:
    log = _log(6)
    for column in ("avg_gt_loss", "gt_loss"):
        log["eval_log_forget.json"][column]["0"] = float("nan")
    table = read_log(_written(tmp_path / "x.json", log))
    assert table["forget_probability"] is None
    assert "not finite" in table.metric("forget_probability").note
    assert table["forget_rougeL"] is not None


@pytest.mark.parametrize("text", ["", "[]", "{}", "not json", '{"eval_log.json": {}}', "[1, 2]"])
def test_what_is_no_log_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BenchmarkError, match=r"x\.json"):
        read_log(path)
    with pytest.raises(BenchmarkError, match="cannot be read"):
        read_log(tmp_path / "absent.json")


@pytest.mark.shared_data
def test_the_published_log_is_reproduced_without_deviation(shared_data: Path) -> None:
    path = shared_data / "tofu_logs" / "phi_retain99_wd0.01.json"
    table = read_log(path, path)
    assert table.notes == ()
    assert [table.metric(f"{split}_rougeL").records for split in SIZES] == [300, 100, 117, 40]
    assert all(table[name] is not None for name in MEMBERS)
    assert table["forget_quality"] == 1.0
