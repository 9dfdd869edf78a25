"""What the audit log can take and give: appends from eight processes, proofs from a tall tree.

Part of ``benchmarks/certificates.py``; run by itself it is one of the processes that append.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

ROOT = Path(__file__).resolve().parents[1]
VAR = ROOT / "var/certificates"
PROCESSES = 8
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


def start_django() -> None:
    """Set Django up for the benchmark's own folder."""
    os.environ["EXPUNGE_VAR"] = str(VAR)
    os.environ["DJANGO_SETTINGS_MODULE"] = "expunge.config.settings.development"
    sys.path[:0] = [str(ROOT), str(ROOT / "platform")]
    import django  # noqa: PLC0415 - only after the settings are chosen

    django.setup()


def appends(count: int) -> dict[str, Any]:
    """Let eight processes append so many entries each; returns how many a second came in."""
    from django.db import connection  # noqa: PLC0415 - after setup

    from expunge.audit.selectors import log_size, log_verify  # noqa: PLC0415 - after setup

    before = log_size()
    command = [sys.executable, "-m", "benchmarks.audit_log", str(count)]
    running = [
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
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


if __name__ == "__main__":
    append_here(int(sys.argv[1]))
