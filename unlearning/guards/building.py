"""Building a guard from files, without a job folder of one's own."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

from contract.guard import GuardError
from contract.job import ModelRef, Recipe, UnlearningData, UnlearningJob, write_job
from contract.manifest import folder_digest
from contract.result import read_result
from unlearning.run import run


def guard_build(
    kind: str,
    sources: tuple[Path, Path, Path | None],
    into: Path,
    settings: str = "{}",
    seed: int = 0,
) -> None:
    """Build a guard of a kind into a folder that does not exist yet.

    ``sources`` are the model's folder, the file of the forget records and that of the retained
    ones, if there is one; ``settings`` is the JSON of the method's settings. Records are copied to
    a private folder and removed from there. Raises :class:`GuardError` with the job's sentence.
    """
    if into.exists():
        raise GuardError(f"{into} exists already; name a new folder")
    model, forget, retain = sources
    with tempfile.TemporaryDirectory(prefix="guard-") as place:
        folder = Path(place)
        (folder / "data").mkdir()
        try:
            shutil.copyfile(forget, folder / "data" / "forget.jsonl")
            if retain is not None:
                shutil.copyfile(retain, folder / "data" / "retain.jsonl")
            path = model.resolve()
            job = UnlearningJob(
                kind,
                Recipe(),
                data=UnlearningData(),
                model=ModelRef(str(path), folder_digest(path)),
                settings=json.loads(settings),
                seed=seed,
            )
        except (OSError, ValueError) as error:
            raise GuardError(f"the guard cannot be built: {error}") from error
        write_job(folder, job)
        code, result = run(folder), read_result(folder)
        if code or result.model is None:
            raise GuardError(result.failure.message if result.failure else "nothing was built")
        shutil.copytree(folder / result.model.path, into)
