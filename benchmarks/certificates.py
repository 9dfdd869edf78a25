"""What a certificate costs: printing, signing, logging; appends to the log; proofs from it.

Works on databases of its own (embedded PostgreSQL under ``var/certificates``), which it makes
anew. Keys and timestamp authority are local, so no network is measured.

    python -m benchmarks.certificates [--certificates 1000] [--appends 1000] [--entries 1000000]

1. Certificates are issued one after the other, as a signing worker does: every second one in
   German. The time of each is split into its steps (of the two checkpoints, both), by the clock on
   the wall and by that of the process. 2. Eight processes append to one log, each entry in a
   transaction of its own, which is durable when it ends. 3. A tree of a million entries is built by
   SQL; inclusion and consistency proofs are read from it, and verified.

Prints medians and 95th percentiles and writes ``benchmarks/results/certificates.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import inf
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from benchmarks.audit_log import ROOT, VAR, appends, in_milliseconds, proofs, start_django
from benchmarks.certificate_facts import a_ticket

RESULTS = ROOT / "benchmarks/results/certificates.json"
STEPS = ("render_pdf", "sign_pdf", "checkpoint_sign", "pdf_store")


def main() -> int:
    """Measure all three, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--certificates", type=int, default=1000)
    parser.add_argument("--minutes", type=float, default=inf, help="stop issuing after so many")
    parser.add_argument("--appends", type=int, default=1000, help="by each of eight processes")
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--proofs", type=int, default=2000)
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    prepare()
    found = {
        "date": datetime.now(UTC).date().isoformat(),
        "processors": os.cpu_count(),
        "python": platform.python_version(),
        "certificates": certificates(options.certificates, options.minutes),
        "appends": appends(options.appends),
        "proofs": proofs(options.entries, options.proofs),
    }
    options.results.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(json.dumps(found, indent=1) + "\n")
    return 0


def prepare() -> None:
    """Point Django at a fresh database and fresh keys."""
    start_django()
    from django.core.management import call_command  # noqa: PLC0415 - after setup
    from django.db import connection  # noqa: PLC0415 - the same

    for folder in ("keys", "certificates"):
        shutil.rmtree(VAR / folder, ignore_errors=True)
    with connection.cursor() as cursor:
        cursor.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    call_command("migrate", verbosity=0)


@dataclass
class Clocks:
    """How long something took: on the wall, and of this process's CPU."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def begin(self) -> None:
        """Begin with the next certificate."""
        self.wall.append(0.0)
        self.cpu.append(0.0)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Add the time of something to that of the present certificate."""
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            self.wall[-1] += time.perf_counter() - wall
            self.cpu[-1] += time.process_time() - cpu

    def said(self) -> dict[str, Any]:
        """Return the medians and 95th percentiles."""
        return {**in_milliseconds(self.wall), "cpu": in_milliseconds(self.cpu)}


def certificates(most: int, minutes: float = inf) -> dict[str, Any]:
    """Issue so many certificates; returns the time of each and of its steps."""
    from expunge.accounts.permissions import Actor  # noqa: PLC0415 - after setup
    from expunge.certificates import services  # noqa: PLC0415 - the same

    def issue(number: int) -> int:
        facts = a_ticket(number, "de" if number % 2 else "en")
        certificate = services.certificate_issue(
            facts=facts, ticket_id=uuid4(), controller_id=UUID(int=1), actor=Actor(system="w")
        )
        return int(certificate.pdf_length)

    first, each, sizes = Clocks(), Clocks(), []
    first.begin()
    with first.running():  # it makes the keys, and reads fonts and phrases: a worker does so once
        issue(0)
    steps = {name: Clocks() for name in STEPS}
    begun = time.perf_counter()
    with timed(services, steps):
        for number in range(1, most + 1):
            for clocks in (each, *steps.values()):
                clocks.begin()
            with each.running():
                sizes.append(issue(number))
            if time.perf_counter() - begun > 60 * minutes:
                break
    spent = time.perf_counter() - begun
    return {
        "count": len(sizes),
        "first_ms": round(first.wall[0] * 1e3),
        "each": each.said(),
        "steps": {name: clocks.said() for name, clocks in steps.items()},
        "batch_seconds": round(spent, 1),
        "per_second": round(len(sizes) / spent, 2),
        "pdf_bytes": round(statistics.median(sizes)),
    }


@contextmanager
def timed(room: Any, steps: Mapping[str, Clocks]) -> Iterator[None]:
    """Run the clock of each step whenever the room calls it."""
    kept = {name: getattr(room, name) for name in steps}

    def watched(name: str) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            with steps[name].running():
                return kept[name](*args, **kwargs)

        return call

    for name in kept:
        setattr(room, name, watched(name))
    try:
        yield
    finally:
        for name, act in kept.items():
            setattr(room, name, act)


if __name__ == "__main__":
    sys.exit(main())
