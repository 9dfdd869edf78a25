"""What a certificate costs: printing, signing, logging; appends to the log; proofs from it.

Works on databases of its own (embedded PostgreSQL under ``var/certificates``), which it makes
anew. Keys and timestamp authority are local, so no network is measured.

    python benchmarks/certificates.py [--certificates 1000] [--appends 1000] [--entries 1000000]

1. Certificates are issued one after the other, as a signing worker does: every second one in
   German. The time of each is split into its steps. 2. Eight processes append to one log, each
   entry in a transaction of its own, which is durable when it ends. 3. A tree of a million entries
   is built by SQL; inclusion and consistency proofs are read from it, and verified.

Prints medians and 95th percentiles and writes ``benchmarks/results/certificates.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks/results/certificates.json"
VAR = ROOT / "var/certificates"
PROCESSES = 8
STEPS = ("render_pdf", "sign_pdf", "checkpoint_sign", "pdf_store")
APPENDER = "EXPUNGE_BENCHMARK_APPENDS"
BARRIER = 20_300
"""An advisory lock that the appending processes wait for, so that they begin together."""
SHADOWS = """
CREATE TEMPORARY TABLE audit_leaf (LIKE public.audit_leaf INCLUDING ALL);
CREATE TEMPORARY TABLE audit_node (LIKE public.audit_node INCLUDING ALL)
"""
LEAVES = """
INSERT INTO audit_leaf (seq, leaf_hash, data, action, occurred_at, actor, role)
SELECT seq, sha256('\\x00'::bytea || seq::text::bytea), seq::text::bytea, 'benchmark', now(), '', ''
FROM generate_series(0, %s - 1) AS seq
"""
LOWEST = """
INSERT INTO audit_node (level, index, hash)
SELECT 1, l.seq / 2, sha256('\\x01'::bytea || l.leaf_hash || r.leaf_hash)
FROM audit_leaf l JOIN audit_leaf r ON r.seq = l.seq + 1 WHERE mod(l.seq, 2) = 0
"""
HIGHER = """
INSERT INTO audit_node (level, index, hash)
SELECT l.level + 1, l.index / 2, sha256('\\x01'::bytea || l.hash || r.hash)
FROM audit_node l JOIN audit_node r ON r.level = l.level AND r.index = l.index + 1
WHERE l.level = %s AND mod(l.index, 2) = 0
"""


def main() -> int:
    """Measure all three, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--certificates", type=int, default=1000)
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
        "certificates": certificates(options.certificates),
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


def start_django() -> None:
    """Set Django up for the benchmark's own folder."""
    os.environ["EXPUNGE_VAR"] = str(VAR)
    os.environ["DJANGO_SETTINGS_MODULE"] = "expunge.config.settings.development"
    sys.path[:0] = [str(ROOT), str(ROOT / "platform")]
    import django  # noqa: PLC0415 - only after the settings are chosen

    django.setup()


def certificates(count: int) -> dict[str, Any]:
    """Issue so many certificates; returns the time of each and of its steps."""
    from expunge.accounts.permissions import Actor  # noqa: PLC0415 - after setup
    from expunge.certificates import services  # noqa: PLC0415 - the same

    spent: dict[str, list[float]] = {name: [] for name in STEPS}
    whole: list[float] = []
    sizes: list[int] = []
    begun = time.perf_counter()
    with timed(services, spent):
        for number in range(count + 1):
            facts = a_ticket(number, "de" if number % 2 else "en")
            start = time.perf_counter()
            for times in spent.values():
                times.append(0.0)
            certificate = services.certificate_issue(
                facts=facts, ticket_id=uuid4(), controller_id=UUID(int=1), actor=Actor(system="w")
            )
            whole.append(time.perf_counter() - start)
            sizes.append(certificate.pdf_length)
            if number == 0:  # it makes the keys, and reads fonts and phrases: a worker does so once
                first, begun = whole.pop(), time.perf_counter()
                for times in (*spent.values(), sizes):
                    times.clear()
    steps = {name: in_milliseconds(times) for name, times in spent.items()}
    return {
        "count": count,
        "first_ms": round(first * 1e3),
        "each": in_milliseconds(whole),
        "steps": steps,
        "batch_seconds": round(time.perf_counter() - begun, 1),
        "per_second": round(count / (time.perf_counter() - begun), 2),
        "pdf_bytes": round(statistics.median(sizes)),
    }


@contextmanager
def timed(room: Any, spent: dict[str, list[float]]) -> Iterator[None]:
    """Add the time of each step to the last number of its list; steps may be called twice."""
    kept = {name: getattr(room, name) for name in spent}

    def watched(name: str, act: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            start = time.perf_counter()
            try:
                return act(*args, **kwargs)
            finally:
                spent[name][-1] += time.perf_counter() - start

        return call

    for name, act in kept.items():
        setattr(room, name, watched(name, act))
    try:
        yield
    finally:
        for name, act in kept.items():
            setattr(room, name, act)


def appends(count: int) -> dict[str, Any]:
    """Let eight processes append so many entries each; returns how many a second came in."""
    from django.db import connection  # noqa: PLC0415 - after setup

    from expunge.audit.selectors import log_size, log_verify  # noqa: PLC0415 - after setup

    before = log_size()
    env = {**os.environ, APPENDER: str(count)}
    command = [sys.executable, str(Path(__file__).resolve())]
    running = [
        subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)
        for _ in range(PROCESSES)
    ]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [BARRIER])
        while waiting(cursor) < PROCESSES and all(item.poll() is None for item in running):
            time.sleep(0.1)
        start = time.time()
        cursor.execute("SELECT pg_advisory_unlock(%s)", [BARRIER])
    said = [process.communicate()[0] for process in running]
    if any(process.returncode for process in running):
        raise RuntimeError("an appending process failed")
    answers = [json.loads(line) for line in said]
    state = log_verify()
    made = log_size() - before
    if made != PROCESSES * count or not state.sound:
        raise RuntimeError(f"{made} entries were made, and the log says {state.faults}")
    return {
        "processes": PROCESSES,
        "entries": made,
        "per_second": round(made / (max(item["end"] for item in answers) - start)),
        "each": in_milliseconds([spent for item in answers for spent in item["times"]]),
    }


def waiting(cursor: Any) -> int:
    """Return how many processes wait for the barrier."""
    cursor.execute(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = %s AND NOT granted",
        [BARRIER],
    )
    (found,) = cursor.fetchone()
    return int(found)


def append_here(count: int) -> None:
    """Append so many entries, each in a transaction of its own, once told to; print the times."""
    start_django()
    from django.db import connection, transaction  # noqa: PLC0415 - after setup

    from expunge.audit.actions import AuditAction  # noqa: PLC0415 - the same
    from expunge.audit.services import audit_record  # noqa: PLC0415 - the same

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock_shared(%s)", [BARRIER])
        cursor.execute("SELECT pg_advisory_unlock_shared(%s)", [BARRIER])
    times = []
    for number in range(count):
        start = time.perf_counter()
        with transaction.atomic():
            audit_record(
                action=AuditAction.TICKET_MOVED,
                actor="benchmark",
                controller_id=UUID(int=1),
                subject={"ticket": str(UUID(int=number))},
                data={"from": "received", "to": "under_review"},
            )
        times.append(time.perf_counter() - start)
    sys.stdout.write(json.dumps({"end": time.time(), "times": times}))


def proofs(entries: int, count: int) -> dict[str, Any]:
    """Build a tree of so many entries; returns the time of reading and of verifying proofs."""
    from django.db import connection  # noqa: PLC0415 - after setup

    from expunge.audit import merkle  # noqa: PLC0415 - the same
    from expunge.audit.selectors import (  # noqa: PLC0415 - the same
        consistency_proof,
        inclusion_proof,
        log_root,
    )

    start = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute(SHADOWS)  # tables of this session, which stand before those of the log
        cursor.execute(LEAVES, [entries])
        cursor.execute(LOWEST)
        for level in range(1, entries.bit_length()):
            cursor.execute(HIGHER, [level])
        cursor.execute("ANALYZE audit_leaf, audit_node")
    built = time.perf_counter() - start
    size = entries - 3  # no power of two: the right edge is put together
    chance = random.Random(7)  # noqa: S311 - places to look at, no secrets
    root = log_root(size)
    reading, verifying, growing, hashes = [], [], [], []
    for _ in range(count):
        seq, earlier = chance.randrange(size), chance.randrange(1, size)
        old = log_root(earlier)
        start = time.perf_counter()
        path = inclusion_proof(seq, size)
        read = time.perf_counter()
        merkle.verify_inclusion(merkle.leaf_hash(str(seq).encode()), seq, size, path, root)
        verified = time.perf_counter()
        grown = consistency_proof(earlier, size)
        growing.append(time.perf_counter() - verified)
        merkle.verify_consistency(earlier, size, grown, old, root)
        reading.append(read - start)
        verifying.append(verified - read)
        hashes.append(len(path))
    return {
        "entries": entries,
        "built_seconds": round(built, 1),
        "hashes": round(statistics.median(hashes)),
        "inclusion": in_milliseconds(reading),
        "consistency": in_milliseconds(growing),
        "verification": in_milliseconds(verifying),
    }


def in_milliseconds(times: Sequence[float]) -> dict[str, float]:
    """Return the median and the 95th percentile."""
    ordered = sorted(times)
    high = ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]
    return {
        "median_ms": round(statistics.median(ordered) * 1e3, 3),
        "p95_ms": round(high * 1e3, 3),
    }


def a_ticket(number: int, language: str) -> Any:
    """Return the facts of a ticket about one model: a refuted attempt and a passed one."""
    from contract.catalog import Effect  # noqa: PLC0415 - after setup
    from contract.report import Tier, Verdict  # noqa: PLC0415 - the same
    from contract.result import Result  # noqa: PLC0415 - the same
    from expunge.certificates import facts  # noqa: PLC0415 - the same

    digest = "sha256:" + f"{number:064x}"
    tried = (
        ("npo", "negative preference optimisation", Effect.REMOVAL, Verdict.FAIL, None),
        ("retrain", "full retrain", Effect.EXACT, Verdict.PASS, Tier.EXACT),
    )
    reasons = (
        "npo is the first rung for a whole model",
        "npo was refuted by membership; escalating to retrain",
    )
    return facts.CertificateFacts(
        ticket=f"T-2026-{number:04d}",
        controller="St. Hildegard Hospital Network",
        regime="gdpr",
        ground="consent_withdrawn",
        citation="GDPR Art. 17(1)(b)",
        language=language,
        requested_on=date(2026, 10, 30),
        completed_at=datetime(2026, 11, 20, 15, 4, tzinfo=UTC),
        scope=(facts.ScopeFacts("hospital", 1, digest, ("patient",), 24, f"hmac-{digest}"),),
        models=(
            facts.ModelFacts(
                name="ward assistant",
                version=1,
                before=digest,
                after="sha256:" + "b" * 64,
                after_version=2,
                attempts=tuple(
                    facts.AttemptFacts(
                        number=turn,
                        method=method,
                        title=title,
                        effect=effect,
                        reason=reason,
                        result=Result(method, "completed", effect=effect, seconds=41.7),
                        report=a_report(verdict, tier),
                    )
                    for turn, ((method, title, effect, verdict, tier), reason) in enumerate(
                        zip(tried, reasons, strict=True), start=1
                    )
                ),
            ),
        ),
        people=(facts.PersonFacts(facts.ActorRole.REVIEWER, date(2026, 11, 3)),),
    )


def a_report(verdict: Any, tier: Any) -> Any:
    """Return a report of ten checks with a chart each, as large as a real one."""
    from contract.report import Chart, CheckResult, Estimate, Report, Verdict  # noqa: PLC0415 - the same

    def check(place: int) -> CheckResult:
        chart = Chart(
            "distribution",
            "How surprised the model is by the true answers",
            "loss (nats per token)",
            "share of facts",
            tuple(edge / 2 + place for edge in range(11)),
            dict.fromkeys(("before", "after", "never trained"), (0.1,) * 10),
        )
        return CheckResult(
            "membership",
            "Membership: are the records told from never-trained ones?",
            verdict if place == 0 else Verdict.PASS,
            "Shown one record of this person and one of somebody the model never saw, an attacker "
            f"picks the right one in {50 + place}% of cases: no better than guessing, within the "
            "margin.",
            attack=f"relearn-retain-{place}" if place else None,
            estimates=tuple(
                Estimate(name, 0.5, 0.4, 0.6, 0.2, null=0.5)
                for name in ("Loss attack, AUC", "Zlib attack, AUC", "Min-K attack, AUC")
            ),
            charts=(chart,),
        )

    return Report(
        verdict=verdict,
        tier=tier,
        profile="erasure",
        profile_version=2,
        mechanism="removed" if tier else "unknown",
        summary="The 24 records are not gone. Found by: membership."
        if tier is None
        else "The model treats the 24 records as it treats records of people it never saw, within "
        "the stated margins.",
        checks=tuple(check(place) for place in range(10)),
        limits=("No test can prove absence: other attacks may find what these did not.",),
        records=24,
        twins=96,
        twin_subjects=4,
    )


if __name__ == "__main__":
    if APPENDER in os.environ:
        append_here(int(os.environ[APPENDER]))
    else:
        sys.exit(main())
