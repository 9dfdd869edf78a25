"""One certificate, issued once, for the tests that only look at it."""

from __future__ import annotations

from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.core.management import call_command
from django.db import connection

from expunge.accounts.permissions import Actor
from expunge.audit.checkpoint import NoteKey
from expunge.audit.keys import log_key, trust_roots
from expunge.certificates import selectors, services
from expunge.certificates.offline import Trust
from expunge.certificates.offline.trust import read_roots
from expunge.certificates.services import certificate_issue
from tests.expunge.certificates.samples import FACTS

CONTROLLER = UUID(int=7)


@dataclass(frozen=True)
class Issued:
    """What an auditor holds: files in a folder, and whom to trust."""

    folder: Path
    pdf: bytes
    sidecar: bytes
    other: bytes
    roots: bytes
    key: NoteKey

    @property
    def export(self) -> Path:
        return self.folder / "log.jsonl"

    @property
    def trust(self) -> Trust:
        return Trust(read_roots(self.roots), (self.key,))


@pytest.fixture
def worker() -> Actor:
    return Actor(system="worker")


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Print and sign nothing, for tests about the row, the log and the order of the steps."""
    monkeypatch.setattr(
        services, "_signed_pdf", lambda certificate: b"%PDF " + certificate.pk.bytes
    )


@pytest.fixture(scope="session")
def issued(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: Any) -> Issued:
    """Issue two certificates for real, keep the files, and leave the database as it was."""
    if not str(connection.settings_dict["NAME"]).startswith("test_"):
        pytest.fail("mark the test with django_db: without it there is no database to issue from")
    folder = tmp_path_factory.mktemp("certificate")
    with django_db_blocker.unblock():
        try:
            files = [_issue(number) for number in (1, 2)]
            call_command("audit_export", str(folder / "log.jsonl"), stdout=StringIO())
            call_command("trust_export", str(folder), stdout=StringIO())
            found = Issued(folder, *files[0], files[1][0], trust_roots(), log_key())
        finally:
            call_command("flush", interactive=False, verbosity=0)
    (folder / "certificate.pdf").write_bytes(found.pdf)
    (folder / "certificate.json").write_bytes(found.sidecar)
    return found


def _issue(number: int) -> tuple[bytes, bytes]:
    certificate = certificate_issue(
        facts=FACTS, ticket_id=UUID(int=number), controller_id=CONTROLLER, actor=Actor(system="w")
    )
    return (
        selectors.certificate_pdf(certificate),
        selectors.certificate_sidecar(certificate),
    )
