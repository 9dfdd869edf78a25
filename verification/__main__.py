"""Fix a plan, run a job folder, run a standard benchmark, or print which checks exist.

``python -m verification preregister FOLDER``, ``... run FOLDER``, ``... report FOLDER``,
``... catalog`` and ``... benchmark NAME --model PATH --data PATH`` (see
:mod:`verification.benchmarks`).

A job is a folder with record files (``data/forget.jsonl``, ``twins``, ``neighbours``, ``retain``)
and a ``job.json`` (:class:`contract.job.VerificationJob`); ``preregister`` it before the unlearned
model exists, name the candidate and the digest in ``job.json``, ``run`` it. To verify without a
folder, call :func:`verification.verify`.

Exit codes: 0 a verdict was reached, whichever; 1 failed, with a report that says why.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from contract.catalog import CATALOG, Catalog
from contract.page import report_page, write_page
from contract.report import read_report
from contract.result import JobError
from verification.benchmarks import running as benchmarks
from verification.profiles import PROFILES
from verification.registry import attacks, checks
from verification.run import preregister, run
from verification.summary import text_of


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
    planning = commands.add_parser(
        "preregister", help="fix the plan before the candidate exists, and print its digest"
    )
    running = commands.add_parser(
        "run", help="verify the candidate, write report.json and .html, and print what they say"
    )
    running.add_argument("--html", type=Path, metavar="FILE", help="write the page there as well")
    reporting = commands.add_parser("report", help="make report.html from report.json once more")
    for command in (planning, running, reporting):
        command.add_argument("folder", type=Path)
    commands.add_parser("catalog", help="print the checks, attacks and profiles as JSON")
    benchmark = commands.add_parser("benchmark", help="run a standard benchmark on one model")
    benchmarks.add_arguments(benchmark)
    options = parser.parse_args(arguments)
    if options.command == "benchmark":
        return benchmarks.command(options)
    if options.command == "catalog":
        content = CATALOG.dump_python(catalog(), mode="json")
        sys.stdout.write(json.dumps(content, indent=1, allow_nan=False) + "\n")
        return 0
    if options.command == "run":
        return _run(options.folder, options.html)
    if options.command == "report":
        return _report(options.folder)
    try:
        sys.stdout.write(preregister(options.folder) + "\n")
    except JobError as error:
        sys.stderr.write(f"{error.code}: {error.message}\n")
        return 1
    return 0


def _run(folder: Path, page: Path | None) -> int:
    """Run a folder and print the report as plain text."""
    code = run(folder)
    report = read_report(folder)
    if page is not None:
        page.write_text(report_page(report), encoding="utf-8")
    sys.stdout.write(text_of(report))
    return code


def _report(folder: Path) -> int:
    """Make the page of a report that is there."""
    try:
        write_page(folder, read_report(folder))
    except (FileNotFoundError, ValueError):
        sys.stderr.write("the folder holds no report.json that can be read; run it first\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
