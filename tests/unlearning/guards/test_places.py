"""A verification never runs behind a guard."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import torch

from contract.job import ModelRef, VerificationJob
from contract.result import ErrorCode, JobError
from verification.opening import open_model
from verification.spec import Records

ROOT = Path(__file__).resolve().parents[3]


def test_the_verifier_neither_imports_a_guard_nor_accepts_one() -> None:
    """It loads the weights itself and hands no processor to ``generate``."""
    files = sorted((ROOT / "verification").rglob("*.py"))
    assert files
    for path in files:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert not (node.module or "").startswith("unlearning"), path
            elif isinstance(node, ast.Import):
                assert not any(item.name.startswith("unlearning") for item in node.names), path
            elif isinstance(node, ast.keyword):
                assert node.arg != "logits_processor", path


def test_a_guard_is_never_verified_as_a_model(tmp_path: Path) -> None:
    guard = ModelRef("guard", "sha256:0", layout="guard")
    job = VerificationJob(ModelRef("model", "sha256:1"), candidate=guard)
    with pytest.raises(JobError) as refused:
        open_model(tmp_path, job, guard, Records((), (), (), (), (), 0), torch.device("cpu"))
    assert refused.value.code is ErrorCode.NOT_SUPPORTED
    assert "weights alone" in refused.value.message
