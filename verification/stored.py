"""The results that a folder already holds, so that a killed verification goes on where it stopped.

``results/<check>[+<attack>].json`` holds what a check found and a digest of everything its
numbers depend on: the job and its data, the models, the numbers of the profile, the settings and
the code that the check reaches. A result whose digest is another one is made anew. Which checks a
profile requires is no part of it, so a changed profile re-uses what did not change.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from contract.canonical import digest_file, digest_json, read_json, write_json
from contract.job import VerificationJob
from contract.report import CheckResult
from verification.plan import Step, conditions_of, default_settings
from verification.profiles import Profile

RESULTS_FOLDER = "results"
_DEMANDS = (
    "name",
    "version",
    "title",
    "grants",
    "requirements",
    "diagnostics",
    "gates",
    "regression",
)
"""What a profile demands, as opposed to the numbers that its checks use."""
_ASKED = ("profile", "also", "preregistration")
_OURS = frozenset({"verification", "contract"})
_ELSEWHERE = "verification.profiles"
_JOB = TypeAdapter(VerificationJob)
_RESULTS = TypeAdapter(tuple[CheckResult, ...])


class Stored:
    """Reads and writes the results of one folder."""

    def __init__(self, folder: Path, job: VerificationJob, profile: Profile) -> None:
        self._folder = folder / RESULTS_FOLDER
        self._demands = [
            *((item.check, item.attack) for item in (*profile.requirements, *profile.diagnostics)),
            *(tuple(name.partition("+")[::2]) for name in job.also),
        ]
        asked = _JOB.dump_python(job, mode="json")
        plan = profile.as_plan()
        self._basis = {
            "job": {name: value for name, value in asked.items() if name not in _ASKED},
            "profile": {name: value for name, value in plan.items() if name not in _DEMANDS},
            "conditions": conditions_of(folder, job),
        }

    def read(self, step: Step, label: str | None) -> tuple[CheckResult, ...] | None:
        """Return what the check found earlier under the same conditions, if it did."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            content = read_json(self._path(step, label))
            if content["key"] == self._key(step, label):
                return _RESULTS.validate_python(content["results"])
        return None

    def write(self, step: Step, label: str | None, results: tuple[CheckResult, ...]) -> None:
        """Keep what the check found."""
        self._folder.mkdir(exist_ok=True)
        found = _RESULTS.dump_python(results, mode="json")
        write_json(self._path(step, label), {"key": self._key(step, label), "results": found})

    def _path(self, step: Step, label: str | None) -> Path:
        name = step.check.card.name + (f"+{label}" if label else "")
        return self._folder / f"{name}.json"

    def _key(self, step: Step, label: str | None) -> str:
        settings: dict[str, Mapping[str, Any]] = {"check": default_settings(step.check)}
        if step.attack:
            settings["attack"] = default_settings(step.attack)
        own = step.check.card.name
        # A check that makes its own attacks may make those alone that somebody asks for.
        labels = [attack or "" for name, attack in self._demands if name == own]
        return digest_json(
            {
                **self._basis,
                "asked": sorted(labels) if step.check.own_attacks else [],
                "code": code_digest(step),
                "check": own,
                "attack": label,
                "settings": settings,
            }
        )


def code_digest(step: Step) -> str:
    """Return the digest of the sources that a step's results depend on.

    Those of the check and of the attack and of all they import within this library; the numbers
    of the profile have their own place in the key.
    """
    return digest_json({name: digest_file(path) for name, path in reached(step).items()})


def reached(step: Step) -> dict[str, Path]:
    """Return our modules that a step's check and attack import, near or far, with their files."""
    found: dict[str, Path] = {}
    _reach(step.check.function.__module__, found)
    if step.attack is not None:
        _reach(step.attack.run.__module__, found)
    return found


def _reach(name: str, reached: dict[str, Path]) -> None:
    """Add a module and everything that it imports, as far as it is ours."""
    path = _source(name)
    if path is None or name in reached or name.startswith(_ELSEWHERE):
        return
    reached[name] = path
    for imported in _imports(path):
        _reach(imported, reached)


@cache
def _source(name: str) -> Path | None:
    """Return the file of one of our modules, packages included; ``None`` for all others."""
    if name.partition(".")[0] not in _OURS:
        return None
    with suppress(ModuleNotFoundError):
        spec = find_spec(name)
        if spec and spec.origin:
            return Path(spec.origin)
    return None


@cache
def _imports(path: Path) -> frozenset[str]:
    """Return the dotted names a file imports: modules, and names that may be modules."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {item.name for item in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{item.name}" for item in node.names)}
    return frozenset(found)
