"""The command line of the verifier: plain sentences, or JSON, and an exit code."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from expunge.audit.checkpoint import COSIGNATURE, parse_keys
from expunge.certificates.kinds import CERTIFYING, REVOKED_BECAUSE, WORDING, Kind, RevocationReason
from expunge.certificates.offline import other
from expunge.certificates.offline.findings import all_hold, trouble
from expunge.certificates.offline.trust import Trust, read_roots
from expunge.certificates.offline.verification import Outcome, verify
from expunge.certificates.status import day

VALID, NOT_VALID, USAGE, REVOKED = 0, 1, 2, 3
MARKS = {True: "ok  ", False: "FAIL", None: "--  "}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``expunge-verify``; returns 0 (valid), 1 (not), 2 (could not look) or 3 (revoked)."""
    given = sys.argv[1:] if arguments is None else arguments
    if given and given[0] in {other.LOG, other.DISCLOSURE}:
        return other.main(given)
    options = _parser().parse_args(given)
    for library in ("pyhanko", "pyhanko_certvalidator"):
        logging.getLogger(library).setLevel(logging.CRITICAL)  # what matters is in the findings
    try:
        pdf = options.certificate.read_bytes()
        sidecar = options.sidecar.read_bytes() if options.sidecar else None
        status = options.status.read_bytes() if options.status else None
        checkpoints = [path.read_text(encoding="utf-8") for path in options.checkpoint]
        trust = Trust(
            read_roots(options.trust.read_bytes()),
            parse_keys(options.log_key.read_text(encoding="utf-8")),
            [
                key
                for path in options.cosigner
                for key in parse_keys(path.read_text(encoding="utf-8"), COSIGNATURE)
            ],
        )
    except (OSError, ValueError) as error:
        sys.stderr.write(f"expunge-verify: {trouble(error)}\n")
        return USAGE
    outcome = verify(
        pdf,
        trust,
        sidecar=sidecar,
        export=options.log,
        status=status,
        checkpoints=checkpoints,
    )
    sys.stdout.write(as_json(outcome) if options.json else as_text(outcome))
    if not all_hold(outcome.findings):
        return NOT_VALID
    return REVOKED if outcome.revoked else VALID


def as_text(outcome: Outcome) -> str:
    """Return the outcome as plain sentences."""
    lines = [f"{MARKS[item.holds]}  {item.sentence}" for item in outcome.findings]
    said = outcome.predicate
    if outcome.valid and said is not None:
        words = WORDING[Kind(said["kind"])]
        lines += [
            "",
            (
                f"{_standing(Kind(said['kind']))} {words.title} {said['number']}, issued by "
                f"{said['issuer']} for {said['controller']}, ticket {said['ticket']}."
            ),
            f"Shown: {words.shown}",
            f"Not shown: {words.not_shown}",
        ]
    elif outcome.revoked is not None and all_hold(outcome.findings):
        newer = outcome.revoked.superseded_by
        lines += ["", f"REVOKED on {day(outcome.revoked.revoked_at)} because {why(outcome)}."]
        lines += [f"Ask for {newer}: it takes the place of this document."] if newer else []
    else:
        lines += ["", "NOT VALID. Do not rely on this file."]
    return "\n".join(lines) + "\n"


def _standing(kind: Kind) -> str:
    return "VALID." if kind in CERTIFYING else "VALID, BUT NOT A CERTIFICATE."


def why(outcome: Outcome) -> str:
    """Return why a document was revoked, in words; a reason of later days stands as its code."""
    reason = outcome.revoked.reason if outcome.revoked else ""
    known = reason in set(RevocationReason)
    return REVOKED_BECAUSE[RevocationReason(reason)] if known else f"of '{reason}'"


def as_json(outcome: Outcome) -> str:
    """Return the outcome as JSON."""
    said = outcome.predicate or {}
    names = ("id", "number", "kind", "language", "issuer", "controller", "ticket", "issued_at")
    return (
        json.dumps(
            {
                "valid": outcome.valid,
                "findings": [
                    {"subject": item.subject, "holds": item.holds, "sentence": item.sentence}
                    for item in outcome.findings
                ],
                "revoked": {
                    "at": outcome.revoked.revoked_at.isoformat(),
                    "reason": outcome.revoked.reason,
                    "superseded_by": outcome.revoked.superseded_by,
                }
                if outcome.revoked
                else None,
                "certificate": {
                    **{name: said.get(name) for name in names},
                    "title": WORDING[Kind(said["kind"])].title,
                    "is_certificate": Kind(said["kind"]) in CERTIFYING,
                }
                if said
                else None,
            },
            indent=1,
        )
        + "\n"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="expunge-verify",
        description="Check a certificate offline. "
        "Exit code 0: valid, 1: not valid, 2: usage, 3: revoked. "
        "'expunge-verify log' and 'expunge-verify disclosure' check a log and what it commits to.",
    )
    parser.add_argument("certificate", type=Path, help="the PDF")
    parser.add_argument("--sidecar", type=Path, help="the .json that travels beside the PDF")
    parser.add_argument("--status", type=Path, help="the signed list of revoked documents")
    parser.add_argument("--log", type=Path, help="an export of the whole audit log")
    parser.add_argument(
        "--checkpoint",
        type=Path,
        action="append",
        default=[],
        help="a checkpoint of the log kept elsewhere; may be given several times",
    )
    parser.add_argument(
        "--cosigner",
        type=Path,
        action="append",
        default=[],
        help="public key of someone who must have cosigned the log; may be given several times",
    )
    parser.add_argument("--trust", type=Path, required=True, help="root certificates (PEM)")
    parser.add_argument("--log-key", type=Path, required=True, help="the log's public keys")
    parser.add_argument("--json", action="store_true", help="speak JSON")
    return parser
