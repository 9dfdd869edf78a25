"""Run a job folder, compose a shard's model, or print which methods exist.

``python -m unlearning run FOLDER``, ``python -m unlearning compose FOLDER --shard NAME --into
WHOLE`` and ``python -m unlearning catalog``.

By hand, a job is a folder with record files and a ``job.json``::

    from pathlib import Path
    from contract.job import ModelRef, Recipe, UnlearningData, UnlearningJob, write_job
    from contract.manifest import folder_digest

    model = Path("models/hospital").resolve()
    folder = Path("attempt")  # with data/forget.jsonl and data/retain.jsonl
    write_job(folder, UnlearningJob(
        method="npo",
        recipe=Recipe(),  # as the model was trained
        data=UnlearningData(calibration="data/calibration.jsonl"),
        model=ModelRef(str(model), folder_digest(model)),
    ))

then ``python -m unlearning run attempt`` writes ``attempt/output`` (the model),
``attempt/result.json`` and ``attempt/events.jsonl``. Killed, the same command resumes; SIGTERM
cancels. Exit codes: 0 completed, 1 failed with a result.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from transformers.utils import logging

from contract.catalog import CATALOG
from contract.result import JobError
from unlearning import registry
from unlearning.run import run
from unlearning.serving import compose_into
from unlearning.spec import CHECKPOINT_SECONDS


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and do what it says; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m unlearning", description=__doc__.split("\n")[0]
    )
    commands = parser.add_subparsers(dest="command", required=True)
    runner = commands.add_parser("run", help="run the job of a folder")
    runner.add_argument("folder", type=Path)
    runner.add_argument(
        "--checkpoint-every", type=float, default=CHECKPOINT_SECONDS, metavar="SECONDS"
    )
    composer = commands.add_parser("compose", help="write one shard's model as a whole model")
    composer.add_argument("folder", type=Path)
    composer.add_argument("--shard", required=True)
    composer.add_argument("--into", type=Path, required=True, metavar="FOLDER")
    commands.add_parser("catalog", help="print the methods and their settings as JSON")
    options = parser.parse_args(arguments)
    if options.command == "catalog":
        content = CATALOG.dump_python(registry.catalog(), mode="json")
        sys.stdout.write(json.dumps(content, indent=1, allow_nan=False) + "\n")
        return 0
    logging.disable_progress_bar()
    if options.command == "compose":
        return _compose(options.folder, options.shard, options.into)
    return run(options.folder, checkpoint_seconds=options.checkpoint_every)


def _compose(folder: Path, shard: str, into: Path) -> int:
    try:
        compose_into(folder, shard, into)
    except JobError as error:
        sys.stderr.write(f"{error.message}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
