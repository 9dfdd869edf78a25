"""What the guide tells people to copy works when it is copied."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from contract.report import Verdict
from tests.verification import tiny
from verification.checking import run_steps
from verification.plan import Step
from verification.registry import Attack, Check
from verification.stored import Stored

GUIDE = Path(__file__).parents[2] / "docs/guides/add-a-check.md"


def copied(kind: str, name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Save the guide's code block of a kind under its name and import it."""
    (code,) = re.findall(
        rf"^```python {kind}\n(.*?)^```", GUIDE.read_text(), re.DOTALL | re.MULTILINE
    )
    path = folder / f"{name}.py"
    path.write_text(code)
    spec = importlib.util.spec_from_file_location(f"verification.{kind}s.{name}", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


def test_the_examples_run_alone_and_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = copied("check", "first_word", tmp_path, monkeypatch).first_word
    attack = copied("attack", "noise", tmp_path, monkeypatch).noise
    assert isinstance(check, Check) and isinstance(attack, Attack)
    assert (check.card.name, attack.card.name) == ("first_word", "noise")
    context = tiny.context_of(tmp_path)
    steps = (Step(check), Step(check, attack))
    found = run_steps(context, steps, Stored(tmp_path, context.job, context.profile))
    assert [item.attack for item in found] == [None, "noise-2", "noise-5"]
    plain = found[0]
    assert plain.verdict in {Verdict.PASS, Verdict.INCONCLUSIVE}
    # Nothing was deleted, so before and after are the same numbers; noise changes them.
    assert plain.estimates == plain.before
    assert found[2].before == plain.before
