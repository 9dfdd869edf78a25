"""The preregistration: everything that will be tested, fixed before the candidate is seen.

Whoever chooses attacks, margins or seeds after having seen the unlearned model can make it pass.
The plan is therefore a pure function of the job, the profile and the library, its digest goes to
the audit log before the candidate exists, and a verification under any other plan is invalid.
"""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

from contract.canonical import digest_file
from contract.job import VerificationJob
from contract.report import Preregistration
from contract.result import ErrorCode, JobError
from verification.profiles import Profile
from verification.registry import Check, checks
from verification.spec import VERSION

PACKAGES = ("torch", "transformers", "peft", "numpy", "scipy", "scikit-learn")
DATA = ("forget", "twins", "neighbours", "retain", "population")
"""The record files of a job, by their names in it; only the last may be missing."""


def preregistration_of(folder: Path, job: VerificationJob, profile: Profile) -> Preregistration:
    """Return what a verification of this job would do; the candidate plays no part in it."""
    plan: dict[str, Any] = {
        "library": {"verification": VERSION, **package_versions()},
        "profile": profile.as_plan(),
        "checks": {
            name: item.settings.dump_python(item.settings.validate_python({}), mode="json")
            for name, item in planned_checks(profile).items()
        },
        "forms": list(job.forms),
        "subject_level": job.data.subject_level,
        "seed": job.seed,
        "effect": job.effect,
        "data": {name: _data_digest(folder, job, name) for name in DATA if getattr(job.data, name)},
        "original": job.original.digest,
        "references": [reference.digest for reference in job.references],
    }
    return Preregistration(plan)


def planned_checks(profile: Profile) -> dict[str, Check[Any]]:
    """Return the checks a profile requires, in its order.

    Raises ``BAD_JOB`` when the profile requires a check that does not exist.
    """
    known = checks()
    names = dict.fromkeys(requirement.check for requirement in profile.requirements)
    missing = [name for name in names if name not in known]
    if missing:
        message = f"the profile {profile.name!r} requires unknown checks: {', '.join(missing)}"
        raise JobError(ErrorCode.BAD_JOB, message)
    return {name: known[name] for name in names}


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
    path = folder / getattr(job.data, name)
    if not path.is_file():
        message = f"the file of the {name} records is missing from the job folder"
        raise JobError(ErrorCode.DATA_MISSING, message)
    return digest_file(path)
