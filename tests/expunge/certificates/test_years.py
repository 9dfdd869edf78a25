"""The years to come, with real files: keys and authorities change, archives are renewed.

Today a certificate is issued under an authority whose certificate ends after five years. After
four years (other processes run under a clock that is ahead) another authority renews it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from expunge.accounts.permissions import Actor
from expunge.audit import timestamps
from expunge.audit.keys import trust_roots
from expunge.audit.models import Leaf
from expunge.audit.selectors import log_verify
from expunge.certificates import renewal
from expunge.certificates.models import Certificate
from expunge.certificates.renewal import certificate_renew, certificates_renew
from expunge.certificates.rotation import PUBLIC, key_rotate
from expunge.certificates.selectors import certificate_pdf, certificate_sidecar
from expunge.certificates.services import certificate_issue
from expunge.certificates.signing import RenewalError
from expunge.common.pki import elliptic
from tests.expunge.certificates.samples import FACTS
from tests.expunge.timestamp_server import Authority, clock, small_rsa

ROOT = Path(__file__).resolve().parents[3]
FOUR, FIVE, EIGHT, NINE, TWELVE = "+1461d", "+1830d", "+2922d", "+3290d", "+4400d"
ALL = timedelta(days=365 * 30)
pytestmark = pytest.mark.django_db(transaction=True)

RENEW = """
import pathlib, sys, django
django.setup()
from expunge.certificates.signing import renew_pdf
path = pathlib.Path(sys.argv[1])
path.write_bytes(renew_pdf(path.read_bytes()))
"""


@dataclass
class Archive:
    """A certificate of today with its files, and the means to let years pass."""

    folder: Path
    settings: Any
    monkeypatch: pytest.MonkeyPatch
    certificate: Certificate
    authority: Authority

    def files(self) -> tuple[bytes, bytes]:
        self.certificate.refresh_from_db()
        return certificate_pdf(self.certificate), certificate_sidecar(self.certificate)

    def hand_over(self) -> None:
        """Write what an auditor is given: whom to trust, and the log."""
        call_command("trust_export", str(self.folder), stdout=StringIO())
        call_command("audit_export", str(self.folder / "log.jsonl"), stdout=StringIO())

    def renew_under_another_authority(self, shift: str) -> None:
        """Renew in a process whose clock is ahead, as the clocks of both authorities are."""
        before, self.authority = self.authority, Authority(self.folder / f"tsa{shift}", elliptic)
        with before.running(shift), self.authority.running(shift):
            trust(self.settings, self.authority)
            later = datetime.now(UTC) + timedelta(days=int(shift[1:-1]))
            self.monkeypatch.setattr(timestamps, "now", lambda: later)
            self.monkeypatch.setattr(renewal, "renew_pdf", partial(self._renewed, shift))
            done = certificates_renew(within=ALL)
            assert (done.renewed, done.faults) == (1, ())

    def _renewed(self, shift: str, pdf: bytes) -> bytes:
        path = self.folder / "to-renew.pdf"
        path.write_bytes(pdf)
        environment = {
            "DJANGO_SETTINGS_MODULE": "expunge.config.settings.development",
            "EXPUNGE_SIGNING_DIR": str(self.settings.EXPUNGE_SIGNING_DIR),
            "EXPUNGE_TSA_URL": self.authority.url,
            # Those of the test: nothing may be started under a clock that is ahead.
            "DATABASE_URL": self.settings.DATABASE_URL,
            "REDIS_URL": self.settings.REDIS_URL,
            "EXPUNGE_VAR": str(self.folder / "var"),
        }
        done = at(shift, ["-c", RENEW, str(path)], self.folder, **environment)
        assert done.returncode == 0, done.stderr
        return path.read_bytes()

    def look(self, files: tuple[bytes, bytes], shift: str) -> list[str]:
        """Verify files where the clock is ahead; returns what does not hold."""
        (self.folder / "c.pdf").write_bytes(files[0])
        (self.folder / "c.json").write_bytes(files[1])
        given = ["--trust", "roots.pem", "--log-key", "log.key", "--log", "log.jsonl", "--json"]
        program = ["-m", "expunge.certificates.offline", "c.pdf", "--sidecar", "c.json"]
        said = json.loads(at(shift, [*program, *given], self.folder).stdout)
        return [item["subject"] for item in said["findings"] if item["holds"] is False]


def at(
    shift: str, arguments: list[str], folder: Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={
            "PYTHONPATH": f"{ROOT}:{ROOT / 'platform'}",
            "PATH": os.environ["PATH"],
            **clock(shift),
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
    )


def trust(settings: Any, authority: Authority) -> None:
    settings.EXPUNGE_TSA_URL = authority.url
    (settings.EXPUNGE_SIGNING_DIR / "roots.pem").write_bytes(trust_roots() + authority.roots)


@pytest.fixture
def archive(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Archive:
    """Issue a certificate; its authority is at rest afterwards, so that it can be later for it."""
    settings.EXPUNGE_SIGNING_DIR = tmp_path / "signing"
    authority = Authority(tmp_path / "tsa", small_rsa, years=5)
    with authority.running():
        trust(settings, authority)
        certificate = certificate_issue(
            facts=FACTS,
            ticket_id=UUID(int=1),
            controller_id=UUID(int=7),
            actor=Actor(system="worker"),
        )
        made = Archive(tmp_path, settings, monkeypatch, certificate, authority)
        made.hand_over()
    return made


def test_renewed_archives_hold_after_five_and_nine_years_and_others_do_not(
    archive: Archive,
) -> None:
    issued = archive.files()
    assert archive.look(issued, "+1000d") == []
    assert "signature" in archive.look(issued, NINE), "its authority's certificate ended"
    archive.renew_under_another_authority(FOUR)
    archive.hand_over()
    renewed = archive.files()
    assert renewed[0].startswith(issued[0])
    assert archive.look(renewed, FIVE) == archive.look(renewed, NINE) == []
    assert archive.look(issued, "+1000d") == []
    for files in ((renewed[0], issued[1]), (issued[0], renewed[1])):
        assert archive.look(files, "+1465d") == ["this very file"]
    assert log_verify().sound


def test_everything_at_once_rotated_keys_three_authorities_two_renewals(archive: Archive) -> None:
    with archive.authority.running():
        for purpose in sorted(PUBLIC):
            key_rotate(purpose=purpose)
    archive.renew_under_another_authority(FOUR)
    archive.renew_under_another_authority(EIGHT)
    archive.hand_over()
    assert archive.look(archive.files(), NINE) == archive.look(archive.files(), TWELVE) == []


def test_what_is_not_due_is_left_alone_and_its_end_is_remembered(archive: Archive) -> None:
    before = archive.files()
    out = StringIO()
    call_command("certificates_refresh", stdout=out)
    assert "0 certificates renewed" in out.getvalue()
    assert archive.files() == before
    archive.certificate.refresh_from_db()
    end = archive.certificate.archived_until
    assert end is not None
    assert timedelta(days=4 * 365) < end - datetime.now(UTC) < timedelta(days=6 * 365)


def test_two_workers_at_once_renew_once(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    real = renewal.renew_pdf

    def overtaken(pdf: bytes) -> bytes:
        monkeypatch.setattr(renewal, "renew_pdf", real)
        assert certificate_renew(certificate_id=archive.certificate.pk, within=ALL)
        return real(pdf)

    monkeypatch.setattr(renewal, "renew_pdf", overtaken)
    with archive.authority.running():
        assert not certificate_renew(certificate_id=archive.certificate.pk, within=ALL)
        archive.hand_over()
    assert Leaf.objects.filter(action="certificate.renewed").count() == 1
    assert archive.look(archive.files(), "+1d") == []


def test_without_an_authority_nothing_is_renewed_and_nothing_is_lost(archive: Archive) -> None:
    before = archive.files()
    with pytest.raises(CommandError, match="does not answer"):
        call_command("certificates_refresh", within_days=9999)
    assert archive.files() == before


def test_an_archive_that_was_left_too_late_is_named(archive: Archive) -> None:
    def late(_pdf: bytes) -> bytes:
        raise RenewalError("The last timestamp of the file cannot be renewed any more.")

    archive.monkeypatch.setattr(renewal, "renew_pdf", late)
    said = StringIO()
    with pytest.raises(SystemExit, match="1"):
        call_command("certificates_refresh", within_days=9999, stdout=StringIO(), stderr=said)
    assert f"{archive.certificate.number} was not renewed" in said.getvalue()
