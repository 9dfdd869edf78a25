"""What an auditor does at the end: checks every certificate and the log without the platform.

The files are written to a folder, and ``expunge-verify`` runs on them as a process of its own
that has neither Django nor a network. It must also refuse a copy in which one byte was changed.
"""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from rich.console import Console
from rich.markup import escape

from expunge.audit.selectors import log_verify
from expunge.certificates.models import Certificate
from expunge.certificates.selectors import (
    certificate_pdf,
    certificate_sidecar,
    certificates_of,
)
from expunge.config.demo.people import Cast
from expunge.config.processes import python_path
from expunge.tickets.models import Ticket


def check_offline(people: Cast, tickets: Sequence[Ticket], console: Console) -> bool:
    """Let Dora check every certificate; returns whether all is as it must be."""
    folder = Path(settings.VAR) / "demo" / "evidence"
    folder.mkdir(parents=True, exist_ok=True)
    call_command("trust_export", str(folder), verbosity=0, stdout=io.StringIO())
    call_command("audit_export", str(folder / "log.jsonl"), stdout=io.StringIO())
    holds = True
    for ticket in tickets:
        for certificate in certificates_of(people.dora, ticket):
            holds &= _check(folder, certificate, console)
    log = log_verify()
    for fault in log.faults:
        console.print(f"  [red]audit log: {escape(fault)}[/]")
    if log.sound:
        console.print(
            f"  The audit log holds: {log.size} entries without a gap, root {log.root[:16]}…"
        )
    console.print(f"  [dim]Everything an auditor needs is in {folder}[/]")
    return holds and log.sound


def _check(folder: Path, certificate: Certificate, console: Console) -> bool:
    pdf = folder / f"{certificate.number}.pdf"
    pdf.write_bytes(certificate_pdf(certificate))
    pdf.with_suffix(".json").write_bytes(certificate_sidecar(certificate))
    code, said = _verify(pdf, pdf.with_suffix(".json"))
    console.print(escape("\n".join(f"  {line}" for line in said.strip().splitlines())))
    forged = folder / "altered.pdf"
    data = bytearray(pdf.read_bytes())
    data[len(data) // 2] ^= 1
    forged.write_bytes(data)
    caught, _ = _verify(forged, pdf.with_suffix(".json"))
    console.print(
        f"  One byte of a copy changed: {'refused' if caught else '[red]NOT NOTICED[/]'}."
    )
    forged.unlink()
    return code == 0 and caught == 1


def _verify(pdf: Path, sidecar: Path) -> tuple[int, str]:
    folder = pdf.parent
    command = [sys.executable, "-m", "expunge.certificates.offline", str(pdf)]
    options = ["--sidecar", str(sidecar), "--log", str(folder / "log.jsonl")]
    trust = ["--trust", str(folder / "roots.pem"), "--log-key", str(folder / "log.key")]
    done = subprocess.run(  # noqa: S603 - our own verifier
        [*command, *options, *trust],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": python_path(), "PATH": "/usr/bin:/bin"},
    )
    return done.returncode, done.stdout + done.stderr
