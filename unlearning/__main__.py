"""Run a job, say which methods exist, or put a model together from parts.

``python -m unlearning run JOB``, where JOB is a YAML or JSON file as of :mod:`unlearning.api`::

    model: models/clinic          # a local transformers folder, or an adapter on one
    records: erika.jsonl          # or a list of {prompt: ..., answer: ...}
    retain: everyone-else.jsonl
    method: npo
    settings: {learning_rate: 0.001}
    output: models/clinic-without-erika

``methods [NAME]`` lists the methods, or one with its settings; ``catalog`` prints all of it as
JSON; ``compose`` writes a shard's model, ``apply-delta`` the model that a delta makes of its base.

What the platform runs, and what JOB may be too, is a folder with record files and a ``job.json``::

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
from contract.result import JobError, Result
from unlearning import api, registry
from unlearning.delta import apply_delta
from unlearning.engine import processes
from unlearning.run import run
from unlearning.serving import compose_into
from unlearning.spec import CHECKPOINT_SECONDS


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and do what it says; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m unlearning", description=__doc__.split("\n")[0]
    )
    commands = parser.add_subparsers(dest="command", required=True)
    runner = commands.add_parser("run", help="run a job file or the job of a folder")
    runner.add_argument("job", type=Path)
    runner.add_argument(
        "--checkpoint-every", type=float, default=CHECKPOINT_SECONDS, metavar="SECONDS"
    )
    composer = commands.add_parser("compose", help="write one shard's model as a whole model")
    composer.add_argument("folder", type=Path)
    composer.add_argument("--shard", required=True)
    composer.add_argument("--into", type=Path, required=True, metavar="FOLDER")
    applier = commands.add_parser("apply-delta", help="write the model that a delta makes")
    for name in ("base", "delta", "into"):
        applier.add_argument(name, type=Path)
    lister = commands.add_parser("methods", help="list the methods, or the settings of one")
    lister.add_argument("name", nargs="?")
    commands.add_parser("catalog", help="print the methods and their settings as JSON")
    options = parser.parse_args(arguments)
    logging.disable_progress_bar()
    if options.command == "run" and options.job.is_dir():
        return run(options.job, checkpoint_seconds=options.checkpoint_every)
    try:
        code, stream, words = 0, sys.stdout, _answer(options)
    except JobError as error:
        code, stream, words = 1, sys.stderr, f"{error.message}\n"
    if processes.rank() == 0:  # the first of several processes speaks
        stream.write(words)
    return code


def _answer(options: argparse.Namespace) -> str:
    """Do what the command says; returns what there is to print."""
    if options.command == "run":
        job = api.read_job_file(options.job)
        return _told(api.run_job(job, checkpoint_seconds=options.checkpoint_every))
    if options.command == "methods":
        return _method(options.name) if options.name else _methods()
    if options.command == "apply-delta":
        changed = apply_delta(options.base, options.delta, options.into).changed
        return f"{len(changed)} tensors changed; the model is in {options.into}\n"
    if options.command == "compose":
        compose_into(options.folder, options.shard, options.into)
        return ""
    content = CATALOG.dump_python(registry.catalog(), mode="json")
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def _told(result: Result) -> str:
    """Return what a person wants to know of a result."""
    path = result.model.path if result.model is not None else "nowhere"
    numbers = [f"  {name} {value:.6g}" for name, value in result.metrics.items()]
    notes = [f"  {note}" for note in result.notes]
    return "\n".join([f"{result.method}: the model is in {path}", *numbers, *notes]) + "\n"


def _methods() -> str:
    cards = [item.card for item in registry.methods().values()]
    width = max(len(card.name) for card in cards)
    return "".join(f"{card.name:{width}}  {card.effect.value:18}  {card.title}\n" for card in cards)


def _method(name: str) -> str:
    """Return one method: what it does, what it needs, and its settings as JSON."""
    known = registry.methods()
    if name not in known:
        raise registry.unknown(name, tuple(known))
    card, settings = known[name].card, known[name].settings
    # Parsed and written back: nested settings have defaults of their own.
    defaults = settings.dump_python(registry.parse_settings(settings, {}), mode="json")
    head = f"{card.title} ({card.effect.value}; {card.source})\n{card.summary}\n"
    return f"{head}needs {', '.join(card.needs)}\nsettings {json.dumps(defaults, indent=1)}\n"


if __name__ == "__main__":
    sys.exit(main())
