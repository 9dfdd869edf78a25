"""Fix a plan, run a job folder, or print which checks exist.

``python -m verification preregister FOLDER``, ``... run FOLDER`` and ``... catalog``.

By hand, a job is a folder with record files and a ``job.json``::

    from dataclasses import replace
    from pathlib import Path
    from contract.job import ModelRef, VerificationJob, write_job
    from contract.manifest import folder_digest
    from verification.run import preregister, run

    folder = Path("attempt")
    before, after = Path("models/v1").resolve(), Path("models/v2").resolve()
    job = VerificationJob(ModelRef(str(before), folder_digest(before)))
    write_job(folder, job)  # data/{forget,twins,neighbours,retain}.jsonl are there already
    digest = preregister(folder)  # before the unlearned model exists
    write_job(folder, replace(
        job, candidate=ModelRef(str(after), folder_digest(after)), preregistration=digest))
    run(folder)  # writes attempt/report.json

Exit codes: 0 a verdict was reached, whichever; 1 failed, with a report that says why.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from contract.catalog import CATALOG, Catalog
from contract.result import JobError
from verification.profiles import PROFILES
from verification.registry import attacks, checks
from verification.run import preregister, run


def catalog() -> Catalog:
    """Return the cards of all checks, attacks and profiles."""
    return Catalog(
        checks=tuple(item.card for item in checks().values()),
        attacks=tuple(item.card for item in attacks().values()),
        profiles=tuple(item.card() for item in PROFILES.values()),
    )


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and do what it says; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m verification", description=__doc__.split("\n")[0]
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name, purpose in (
        ("preregister", "fix the plan before the candidate exists, and print its digest"),
        ("run", "verify the candidate and write report.json"),
    ):
        commands.add_parser(name, help=purpose).add_argument("folder", type=Path)
    commands.add_parser("catalog", help="print the checks, attacks and profiles as JSON")
    options = parser.parse_args(arguments)
    if options.command == "catalog":
        content = CATALOG.dump_python(catalog(), mode="json")
        sys.stdout.write(json.dumps(content, indent=1, allow_nan=False) + "\n")
        return 0
    if options.command == "run":
        return run(options.folder)
    try:
        sys.stdout.write(preregister(options.folder) + "\n")
    except JobError as error:
        sys.stderr.write(f"{error.code}: {error.message}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
