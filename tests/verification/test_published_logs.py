"""The published evaluation log of one TOFU model, recomputed (arXiv 2401.06121)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from verification.text import (
    forget_quality,
    model_utility,
    normalized_loss,
    rouge_recall,
    truth_ratio,
)

pytestmark = pytest.mark.shared_data

TASKS = (
    "eval_log.json",
    "eval_real_author_wo_options.json",
    "eval_real_world_wo_options.json",
    "eval_log_forget.json",
)


@pytest.fixture(scope="module", name="log")
def _log(shared_data: Path) -> dict[str, dict[str, dict[str, Any]]]:
    path = shared_data / "tofu_logs" / "phi_retain99_wd0.01.json"
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("task", TASKS)
def test_rouge_recall_of_the_generated_texts_is_the_published_one(
    log: dict[str, Any], task: str
) -> None:
    for row, (_, generated, reference) in log[task]["generated_text"].items():
        # The whole generation counts, "Answer: " and all that was written after the answer.
        found = rouge_recall(generated, reference)
        assert found["rouge1"] == pytest.approx(log[task]["rouge1_recall"][row])
        assert found["rougeL"] == pytest.approx(log[task]["rougeL_recall"][row])


@pytest.mark.parametrize("task", TASKS)
def test_mean_losses_and_truth_ratios_are_the_published_ones(
    log: dict[str, Any], task: str
) -> None:
    part = log[task]
    for row, ratio in part["truth_ratio"].items():
        mean = part["gt_loss"][row] / part["num_token_gt"][row]
        right = part["paraphrased_loss"][row] / part["num_token_paraphrased"][row]
        wrong = np.divide(part["perturb_loss"][row], part["num_token_perturb"][row])
        assert mean == pytest.approx(part["avg_gt_loss"][row], rel=1e-5)
        assert truth_ratio(right, wrong) == pytest.approx(ratio, rel=1e-4)


@pytest.mark.parametrize("task", TASKS[1:3])
def test_normalised_losses_are_the_published_ones(log: dict[str, Any], task: str) -> None:
    part = log[task]
    for row, expected in part["normalized_gt_loss"].items():
        found = normalized_loss(part["avg_gt_loss"][row], part["average_perturb_loss"][row])
        assert found == pytest.approx(expected, rel=1e-4)


def test_the_model_agrees_with_itself_and_keeps_its_utility(log: dict[str, Any]) -> None:
    ratios = list(log["eval_log_forget.json"]["truth_ratio"].values())
    assert forget_quality(ratios, ratios) == (0.0, 1.0)
    components = []
    for task in TASKS[:3]:
        part = log[task]
        losses = part.get("normalized_gt_loss", part["avg_gt_loss"]).values()
        components += [
            np.mean(np.exp(-np.array(list(losses)))),
            np.mean(list(part["rougeL_recall"].values())),
            np.mean(np.maximum(0.0, 1.0 - np.array(list(part["truth_ratio"].values())))),
        ]
    assert model_utility(components) == pytest.approx(0.52, abs=0.03)
