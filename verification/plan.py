"""The preregistration: everything that will be tested, fixed before the candidate is seen.

Whoever chooses attacks, margins or seeds after having seen the unlearned model can make it pass.
The plan is therefore a pure function of the job, the profile and the library, its digest goes to
the audit log before the candidate exists, and a verification under any other plan is invalid.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from contract.canonical import digest_file
from contract.job import Shadows, VerificationJob
from contract.report import Preregistration
from contract.result import ErrorCode, JobError
from verification.profiles import Profile
from verification.registry import Attack, Check, attacks, checks
from verification.spec import VERSION

PACKAGES = ("torch", "transformers", "peft", "numpy", "scipy", "scikit-learn")
DATA = ("forget", "twins", "neighbours", "retain", "population")
"""The record files of a job, by their names in it; only the last may be missing."""


@dataclass(frozen=True)
class Step:
    """A check to run: as it is, or on what an attack makes of the candidate.

    ``label`` names one of the attack's models; without it, all of them are meant.
    """

    check: Check[Any]
    attack: Attack[Any] | None = None
    label: str | None = None

    def covers(self, label: str) -> bool:
        """Say whether the check is to be run on the attacked model of that label."""
        return self.label is None or self.label == label


def planned_steps(profile: Profile, also: tuple[str, ...] = ()) -> tuple[Step, ...]:
    """Return what a profile requires and what a job asks for beyond it, each step once.

    Raises ``BAD_JOB`` when a check or an attack does not exist.
    """
    demands = (*profile.requirements, *profile.diagnostics)
    wanted = [(item.check, item.attack) for item in demands]
    for name in also:
        check, _, attack = name.partition("+")
        wanted.append((check, attack or None))
    return tuple(dict.fromkeys(_step(*item) for item in wanted))


def _step(name: str, label: str | None) -> Step:
    known = checks()
    if name not in known:
        message = f"there is no check called {name}; known are {', '.join(known)}"
        raise JobError(ErrorCode.BAD_JOB, message)
    if label is None or known[name].own_attacks:
        return Step(known[name])
    if label in attacks():
        return Step(known[name], attacks()[label])
    making = [item for item in attacks().values() if item.makes(label)]
    if not making:
        message = f"there is no attack that makes {label}; known are {', '.join(attacks())}"
        raise JobError(ErrorCode.BAD_JOB, message)
    return Step(known[name], max(making, key=lambda item: len(item.card.name)), label)


def preregistration_of(folder: Path, job: VerificationJob, profile: Profile) -> Preregistration:
    """Return what a verification of this job would do; the candidate plays no part in it."""
    steps = planned_steps(profile, job.also)
    plan: dict[str, Any] = {
        **conditions_of(folder, job),
        "profile": profile.as_plan(),
        "also": list(job.also),
        "checks": {step.check.card.name: default_settings(step.check) for step in steps},
        "attacks": {
            step.attack.card.name: default_settings(step.attack) for step in steps if step.attack
        },
        "effect": job.effect,
        "earlier_attempts": job.earlier_attempts,
        "shams": [_file_digest(folder, sham.data, "sham") for sham in job.shams],
    }
    return Preregistration(plan)


def conditions_of(folder: Path, job: VerificationJob) -> dict[str, Any]:
    """Return what every single number depends on, whatever the profile demands."""
    return {
        "library": {"verification": VERSION, **package_versions()},
        "forms": list(job.forms),
        "subject_level": job.data.subject_level,
        "seed": job.seed,
        "data": {
            name: _data_digest(folder, job, name)
            for name in (*DATA, "canaries")
            if getattr(job.data, name)
        },
        "shadows": TypeAdapter(Shadows | None).dump_python(job.shadows, mode="json"),
        "original": job.original.digest,
        "references": [reference.digest for reference in job.references],
    }


def default_settings(item: Check[Any] | Attack[Any]) -> Mapping[str, Any]:
    """Return the settings of a plug-in as JSON-like data."""
    settings: Mapping[str, Any] = item.settings.dump_python(
        item.settings.validate_python({}), mode="json"
    )
    return settings


def package_versions() -> dict[str, str]:
    """Return the versions of the packages that numbers depend on."""
    return {package: version(package) for package in PACKAGES}


def differences(planned: Preregistration, now: Preregistration) -> tuple[str, ...]:
    """Return the parts of the plan that are not what was preregistered."""
    return tuple(
        sorted(
            key for key in {*planned.plan, *now.plan} if planned.plan.get(key) != now.plan.get(key)
        )
    )


def _data_digest(folder: Path, job: VerificationJob, name: str) -> str:
    return _file_digest(folder, getattr(job.data, name), name)


def _file_digest(folder: Path, file: str, name: str) -> str:
    path = folder / file
    if not path.is_file():
        message = f"the file of the {name} records is missing from the job folder"
        raise JobError(ErrorCode.DATA_MISSING, message)
    return digest_file(path)
