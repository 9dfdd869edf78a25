"""A verification never runs behind a guard."""

from __future__ import annotations

import ast
from pathlib import Path

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
