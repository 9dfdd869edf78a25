"""The results that a folder already holds, so that a killed verification goes on where it stopped.

``results/<check>[+<attack>].json`` holds what a check found and a digest of everything its
numbers depend on: the job and its data, the models, the numbers of the profile, the settings and
the code of this library. A result whose digest is another one is made anew. Which checks a
profile requires is no part of it, so a changed profile re-uses what did not change.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

import contract
import verification
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
_JOB = TypeAdapter(VerificationJob)
_RESULTS = TypeAdapter(tuple[CheckResult, ...])


class Stored:
    """Reads and writes the results of one folder."""

    def __init__(self, folder: Path, job: VerificationJob, profile: Profile) -> None:
        self._folder = folder / RESULTS_FOLDER
        asked = _JOB.dump_python(job, mode="json")
        plan = profile.as_plan()
        self._basis = {
            "job": {name: value for name, value in asked.items() if name not in _ASKED},
            "profile": {name: value for name, value in plan.items() if name not in _DEMANDS},
            "conditions": conditions_of(folder, job),
            "code": code_digest(),
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
        return digest_json(
            {**self._basis, "check": step.check.card.name, "attack": label, "settings": settings}
        )


@cache
def code_digest() -> str:
    """Return the digest of the sources that a result depends on."""
    return digest_json(
        {
            f"{package.__name__}/{path.relative_to(root)}": digest_file(path)
            for package in (verification, contract)
            for root in map(Path, package.__path__)
            for path in sorted(root.rglob("*.py"))
        }
    )
