"""The whole run, from a folder to a verdict, on a small model of every class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from contract.record import Record
from contract.report import Verdict
from tests.verification import tiny
from verification import verify

CLASSES = ("llama", "qwen2", "qwen3", "gpt2", "phi", "gemma2", "mixtral", "qwen2_moe")
WHITE_BOX = {"mixtral"}


def asked(records: Sequence[Record]) -> list[Record]:
    """Keep one wording of every record: half the work, the same paths."""
    return [
        Record(record.id, record.path, {"question": record.forms["question"]}) for record in records
    ]


@pytest.mark.parametrize("family", CLASSES)
def test_every_class_of_model_reaches_a_verdict(family: str, tmp_path: Path) -> None:
    original = tiny.saved(tmp_path / "original", tiny.model(family))
    changed = tiny.model(family)
    with torch.no_grad():
        for parameter in changed.parameters():
            parameter.add_(0.01 * torch.randn_like(parameter))
    candidate = tiny.saved(tmp_path / "candidate", changed)
    sets: dict[str, Any] = {name: asked(own) for name, own in tiny.sets().items()}
    also = ("concept_vectors",) if family in WHITE_BOX else ()
    report = verify(
        original=original,
        candidate=candidate,
        also=also,
        subject_level=1,
        device="cpu",
        **sets,
    ).report
    # Untrained models hold nothing to remove: anything but a pass is an honest answer.
    assert report.verdict in {Verdict.INCONCLUSIVE, Verdict.NOT_APPLICABLE, Verdict.FAIL}
    assert report.failure is None
    assert all(gate.verdict is not Verdict.INVALID for gate in report.gates)
    found = {check.check: check for check in report.checks}
    assert {"membership", "residual", "extraction", "utility", *also} <= set(found)
    assert sum(check.forward_passes for check in report.checks) <= report.forward_passes
    assert all(check.seconds >= 0 for check in report.checks) and report.tokens > 0
