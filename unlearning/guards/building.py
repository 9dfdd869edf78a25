"""Building a guard from files: a job of the library, with its sentences where it cannot be done."""

from __future__ import annotations

import json
from pathlib import Path

from contract.guard import GuardError
from contract.result import JobError
from unlearning.api import Job, run_job


def guard_build(
    kind: str,
    sources: tuple[Path, Path, Path | None],
    into: Path,
    settings: str = "{}",
    seed: int = 0,
) -> None:
    """Build a guard of a kind into a folder that does not exist yet.

    ``sources`` are the model's folder, the file of the forget records and that of the retained
    ones, if there is one; ``settings`` is the JSON of the method's settings. Raises
    :class:`GuardError` with the job's sentence.
    """
    model, forget, retain = sources
    try:
        job = Job(
            model=str(model),
            records=str(forget),
            output=str(into),
            retain=str(retain) if retain is not None else (),
            method=kind,
            settings=json.loads(settings),
            seed=seed,
        )
        run_job(job)
    except JobError as error:
        raise GuardError(error.message) from error
    except ValueError as error:
        raise GuardError("the settings are not JSON") from error
