"""What the audit of the dependencies concludes from what it was told."""

from __future__ import annotations

import json
from datetime import date
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def audit() -> Any:
    loader = SourceFileLoader("audit_dependencies", str(ROOT / "scripts" / "audit-dependencies"))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


def report(*dependencies: dict[str, Any]) -> str:
    return json.dumps({"dependencies": list(dependencies), "fixes": []})


CLEAN = {"name": "django", "version": "5.2.19", "vulns": []}
BAD = {
    "name": "leaky",
    "version": "1.0",
    "vulns": [{"id": "PYSEC-1", "aliases": ["CVE-2026-1"], "fix_versions": ["1.1"]}],
}
SKIPPED = {"name": "odd", "skip_reason": "not found"}


def test_no_finding_passes_and_says_how_much_was_looked_up(
    audit: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit.tell(audit.verdict(0, report(CLEAN))) == 0
    assert "1 dependencies have no known vulnerability" in capsys.readouterr().out


def test_a_finding_fails_and_names_the_remedy(
    audit: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit.tell(audit.verdict(1, report(CLEAN, BAD))) == 1
    assert "leaky 1.0: PYSEC-1 (fixed: 1.1)" in capsys.readouterr().out


@pytest.mark.parametrize("output", ["", "Traceback ...", "[]", "{}", report()])
@pytest.mark.parametrize("code", [0, 1, 2])
def test_no_report_is_no_pass_but_loud(
    audit: Any, capsys: pytest.CaptureFixture[str], output: str, code: int
) -> None:
    assert audit.tell(audit.verdict(code, output)) == 0
    said = capsys.readouterr().out
    assert "NOT CHECKED" in said and "no known vulnerability" not in said


def test_what_was_skipped_is_said_and_a_finding_beside_it_still_fails(
    audit: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit.tell(audit.verdict(1, report(SKIPPED, BAD))) == 1
    assert "NOT CHECKED: 1 of 2" in capsys.readouterr().out


def test_an_exception_holds_until_its_day(audit: Any) -> None:
    text = "# a comment\nCVE-2026-1 2026-12-31 no fixed version yet\nbroken line\n"
    before, after = date(2026, 12, 31), date(2027, 1, 1)
    assert audit.verdict(1, report(BAD), audit.exceptions(text, before)).code == 0
    assert audit.verdict(1, report(BAD), audit.exceptions(text, after)).code == 1


def test_an_exception_needs_a_reason(audit: Any) -> None:
    assert audit.exceptions("CVE-2026-1 2026-12-31\n", date(2026, 1, 1)) == frozenset()


def test_where_nothing_can_be_reached_it_says_so_and_goes_on(
    audit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError

    monkeypatch.setattr(audit.socket, "create_connection", refuse)
    assert not audit.reachable()


def test_it_is_a_part_of_the_checks() -> None:
    assert "audit-dependencies" in (ROOT / "Makefile").read_text(encoding="utf-8")
