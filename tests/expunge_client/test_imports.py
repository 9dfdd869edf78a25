"""The client is light: whoever trains a model installs no web framework for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {"django", "celery", "expunge", "torch", "transformers", "mlflow"}


@pytest.mark.parametrize(
    "module", ["expunge_client", "expunge_client.command", "expunge_client.integrations.mlflow"]
)
def test_nothing_heavy_is_loaded(module: str) -> None:
    code = f"import {module}, sys; print(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
    )
    assert not HEAVY & set(done.stdout.split())
