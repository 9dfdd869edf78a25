"""The command line of the verifier: plain sentences, or JSON, and an exit code."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from expunge.audit.checkpoint import parse_key
from expunge.certificates.offline.trust import read_roots
from expunge.certificates.offline.verification import Outcome, Trust, verify

VALID, NOT_VALID, USAGE = 0, 1, 2
MARKS = {True: "ok  ", False: "FAIL", None: "--  "}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``expunge-verify``; returns 0 when valid, 1 when not, 2 when it could not look."""
    options = _parser().parse_args(arguments)
    for library in ("pyhanko", "pyhanko_certvalidator"):
        logging.getLogger(library).setLevel(logging.CRITICAL)  # what matters is in the findings
    try:
        pdf = options.certificate.read_bytes()
        sidecar = options.sidecar.read_bytes() if options.sidecar else None
        checkpoints = [path.read_text(encoding="utf-8") for path in options.checkpoint]
        trust = Trust(
            read_roots(options.trust.read_bytes()),
            parse_key(options.log_key.read_text(encoding="utf-8")),
        )
    except (OSError, ValueError) as error:
        sys.stderr.write(f"expunge-verify: {error}\n")
        return USAGE
    outcome = verify(pdf, trust, sidecar=sidecar, export=options.log, checkpoints=checkpoints)
    sys.stdout.write(as_json(outcome) if options.json else as_text(outcome))
    return VALID if outcome.valid else NOT_VALID


def as_text(outcome: Outcome) -> str:
    """Return the outcome as plain sentences."""
    lines = [f"{MARKS[item.holds]}  {item.sentence}" for item in outcome.findings]
    said = outcome.predicate
    if outcome.valid and said is not None:
        lines += [
            "",
            (
                f"VALID. {said['title']} {said['number']}, issued by {said['issuer']} for "
                f"{said['controller']}, ticket {said['ticket']}."
            ),
            f"Shown: {said['shown']}",
            f"Not shown: {said['not_shown']}",
        ]
    else:
        lines += ["", "NOT VALID. Do not rely on this file."]
    return "\n".join(lines) + "\n"


def as_json(outcome: Outcome) -> str:
    """Return the outcome as JSON."""
    said = outcome.predicate or {}
    names = ("id", "number", "kind", "title", "issuer", "controller", "ticket", "issued_at")
    return (
        json.dumps(
            {
                "valid": outcome.valid,
                "findings": [
                    {"subject": item.subject, "holds": item.holds, "sentence": item.sentence}
                    for item in outcome.findings
                ],
                "certificate": {name: said.get(name) for name in names} if said else None,
            },
            indent=1,
        )
        + "\n"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="expunge-verify",
        description="Check a certificate offline. Exit code 0: valid, 1: not valid, 2: usage.",
    )
    parser.add_argument("certificate", type=Path, help="the PDF")
    parser.add_argument("--sidecar", type=Path, help="the .json that travels beside the PDF")
    parser.add_argument("--log", type=Path, help="an export of the whole audit log")
    parser.add_argument(
        "--checkpoint",
        type=Path,
        action="append",
        default=[],
        help="a checkpoint of the log kept elsewhere; may be given several times",
    )
    parser.add_argument("--trust", type=Path, required=True, help="root certificates (PEM)")
    parser.add_argument("--log-key", type=Path, required=True, help="the log's public key")
    parser.add_argument("--json", action="store_true", help="speak JSON")
    return parser
