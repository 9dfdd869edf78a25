"""The other questions of an auditor: is a log whole, and what did an entry commit to?

    expunge-verify log log.jsonl --trust roots.pem --log-key log.key [--checkpoint kept.txt]
    expunge-verify disclosure shown.json --log log.jsonl --trust roots.pem --log-key log.key

Exit codes as for a certificate, without 3.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from expunge.audit.checkpoint import parse_keys
from expunge.audit.disclosure import DisclosureError, read_disclosure, require_opened
from expunge.audit.export import read_export
from expunge.audit.replay import Entry
from expunge.certificates.offline.findings import Finding, Refusal, all_hold, finding, trouble
from expunge.certificates.offline.log import read_log
from expunge.certificates.offline.trust import Trust, read_roots

VALID, NOT_VALID, USAGE = 0, 1, 2
LOG, DISCLOSURE = "log", "disclosure"


def verify_log(export: Path, trust: Trust, checkpoints: Sequence[str] = ()) -> Finding:
    """Say whether an export of a log is whole, and agrees with every checkpoint there is."""
    return finding("log", lambda: read_log(export, trust, (), checkpoints, None).sentence)


def verify_disclosure(
    content: bytes, export: Path, trust: Trust, checkpoints: Sequence[str] = ()
) -> list[Finding]:
    """Say whether what was disclosed is what an entry of a whole log committed to."""
    whole = verify_log(export, trust, checkpoints)

    def look() -> str:
        if not whole.holds:
            raise Refusal("What an entry committed to is worth nothing while the log is not whole.")
        try:
            shown = read_disclosure(content)
            name = require_opened(shown, _entry(export, shown.seq))
        except DisclosureError as error:
            raise Refusal(f"It is not shown: {error}.") from error
        return f"What was shown is what entry {shown.seq} committed to as '{name}'."

    return [whole, finding("disclosure", look)]


def _entry(export: Path, seq: int) -> Entry:
    for item in read_export(export):
        if isinstance(item, Entry) and item.seq == seq:
            return item
    raise DisclosureError(f"the log has no entry {seq}")


def main(arguments: Sequence[str]) -> int:
    """Run ``expunge-verify log`` or ``expunge-verify disclosure``."""
    options = _parser().parse_args(arguments)
    for library in ("pyhanko", "pyhanko_certvalidator"):
        logging.getLogger(library).setLevel(logging.CRITICAL)  # what matters is in the findings
    try:
        trust = Trust(
            read_roots(options.trust.read_bytes()),
            parse_keys(options.log_key.read_text(encoding="utf-8")),
        )
        kept = [path.read_text(encoding="utf-8") for path in options.checkpoint]
        shown = options.file.read_bytes() if options.what == DISCLOSURE else b""
        options.log.open("rb").close()
    except (OSError, ValueError) as error:
        sys.stderr.write(f"expunge-verify: {trouble(error)}\n")
        return USAGE
    found = (
        verify_disclosure(shown, options.log, trust, kept)
        if options.what == DISCLOSURE
        else [verify_log(options.log, trust, kept)]
    )
    if options.json:
        said = [{"subject": i.subject, "holds": i.holds, "sentence": i.sentence} for i in found]
        sys.stdout.write(json.dumps({"valid": all_hold(found), "findings": said}, indent=1) + "\n")
    else:
        marks = {True: "ok  ", False: "FAIL", None: "--  "}
        sys.stdout.writelines(f"{marks[item.holds]}  {item.sentence}\n" for item in found)
    return VALID if all_hold(found) else NOT_VALID


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="expunge-verify",
        description="Check a log, or a disclosure. Exit code 0: holds, 1: does not, 2: usage.",
    )
    commands = parser.add_subparsers(dest="what", required=True)
    log = commands.add_parser(LOG, help="is the log whole?")
    log.add_argument("log", type=Path, help="an export of the audit log")
    disclosure = commands.add_parser(DISCLOSURE, help="what did an entry commit to?")
    disclosure.add_argument("file", type=Path, help="what was disclosed")
    disclosure.add_argument("--log", type=Path, required=True, help="an export of the audit log")
    for command in (log, disclosure):
        command.add_argument("--trust", type=Path, required=True, help="root certificates (PEM)")
        command.add_argument("--log-key", type=Path, required=True, help="the log's public keys")
        command.add_argument(
            "--checkpoint", type=Path, action="append", default=[], help="one kept elsewhere"
        )
        command.add_argument("--json", action="store_true", help="speak JSON")
    return parser
