"""Timestamps of a third party over HTTP: RSA and ECDSA, end to end, and when nobody answers."""

from __future__ import annotations

import json
import logging
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.core.management import call_command

from expunge.accounts.permissions import Actor
from expunge.audit.actions import AuditAction
from expunge.audit.keys import log_key, trust_roots
from expunge.audit.models import Checkpoint, Leaf
from expunge.audit.selectors import log_verify
from expunge.audit.services import checkpoint_renew, checkpoint_sign
from expunge.audit.timestamps import TimestampUnavailableError
from expunge.certificates.models import Certificate, Status
from expunge.certificates.offline import Trust, verify
from expunge.certificates.offline.trust import read_roots
from expunge.certificates.selectors import certificate_pdf, certificate_sidecar
from expunge.certificates.services import certificate_issue
from expunge.common.clock import now
from expunge.common.pki import elliptic
from expunge.jobs import tasks
from tests.expunge.certificates.samples import FACTS
from tests.expunge.timestamp_server import Authority, small_rsa

pytestmark = pytest.mark.django_db(transaction=True)
NOBODY = "http://127.0.0.1:9/"
Running = Callable[..., AbstractContextManager[Authority]]


@pytest.fixture
def authority(settings: Any, tmp_path: Path) -> Running:
    """Run an authority, have the platform ask it, and hand its root to auditors."""
    settings.EXPUNGE_SIGNING_DIR = tmp_path / "signing"

    @contextmanager
    def run(make: Any = elliptic, *, trusted: bool = True, shift: str = "") -> Iterator[Authority]:
        made = Authority(tmp_path / f"tsa{shift}", make)
        with made.running(shift):
            settings.EXPUNGE_TSA_URL = made.url
            if trusted:
                (settings.EXPUNGE_SIGNING_DIR / "roots.pem").write_bytes(trust_roots() + made.roots)
            yield made

    return run


def issue(number: int = 1) -> Certificate:
    return certificate_issue(
        facts=FACTS,
        ticket_id=UUID(int=number),
        controller_id=UUID(int=7),
        actor=Actor(system="worker"),
    )


def trust() -> Trust:
    return Trust(read_roots(trust_roots()), (log_key(),))


@pytest.mark.parametrize("make", [small_rsa, elliptic], ids=["rsa", "ecdsa"])
def test_a_third_partys_timestamps_hold_for_us_and_for_openssl(
    authority: Running, tmp_path: Path, make: Any
) -> None:
    with authority(make) as third:
        certificate = issue()
        call_command("audit_export", str(tmp_path / "log.jsonl"), stdout=StringIO())
    pdf, sidecar = certificate_pdf(certificate), certificate_sidecar(certificate)
    outcome = verify(pdf, trust(), sidecar=sidecar, export=tmp_path / "log.jsonl")
    assert outcome.valid, outcome.findings
    for checkpoint in Checkpoint.objects.all():
        (tmp_path / "note").write_text(checkpoint.note)
        (tmp_path / "token").write_bytes(bytes(checkpoint.token))
        files = ["-data", str(tmp_path / "note"), "-in", str(tmp_path / "token"), "-token_in"]
        roots = ["-CAfile", str(third.folder / "roots.pem")]
        checked = subprocess.run(
            ["openssl", "ts", "-verify", *files, *roots],
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Verification: OK" in checked.stdout, checked.stderr


def test_without_timestamps_issuing_waits_and_nothing_is_lost(
    authority: Running, settings: Any
) -> None:
    with authority():
        running = settings.EXPUNGE_TSA_URL
        settings.EXPUNGE_TSA_URL = NOBODY
        for _ in range(2):
            with pytest.raises(TimestampUnavailableError, match="is tried again"):
                issue()
        begun = Certificate.objects.get()
        assert begun.status == Status.STATED
        assert not Checkpoint.objects.exists()
        settings.EXPUNGE_TSA_URL = running
        assert issue().number == begun.number
    actions = list(Leaf.objects.values_list("action", flat=True))
    assert actions.count("certificate.statement") == actions.count("certificate.issued") == 1
    assert log_verify().sound


def test_an_authority_that_goes_away_between_two_steps_leaves_one_certificate(
    authority: Running, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with authority():
        running = settings.EXPUNGE_TSA_URL
        checkpoint_sign()
        settings.EXPUNGE_TSA_URL = NOBODY
        with pytest.raises(TimestampUnavailableError):
            issue()
        settings.EXPUNGE_TSA_URL = running
        certificate = issue()
        folder = Path(settings.EXPUNGE_CERTIFICATES_DIR) / str(certificate.pk)
        assert len(list(folder.iterdir())) == 1
        assert verify(certificate_pdf(certificate), trust()).valid


def test_the_workers_say_in_a_line_that_they_wait(
    authority: Running, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.EXPUNGE_TSA_URL = NOBODY
    lines: list[str] = []
    listening = logging.Handler()
    listening.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    # A logger of its own, however other tests have set up logging before.
    own = logging.Logger("worker")  # noqa: LOG001 - see above
    own.addHandler(listening)
    monkeypatch.setattr(tasks, "logger", own)
    tasks.audit_checkpoint()
    (line,) = lines
    assert "EXPUNGE_TSA_URL is right" in line
    assert not Checkpoint.objects.exists()


def test_an_authority_whose_root_no_auditor_has_is_not_used(authority: Running) -> None:
    with authority(trusted=False), pytest.raises(TimestampUnavailableError, match=r"roots\.pem"):
        checkpoint_sign()
    assert not Checkpoint.objects.exists()


def test_an_authority_whose_clock_is_wrong_is_not_used(authority: Running) -> None:
    with authority(shift="-1d"), pytest.raises(TimestampUnavailableError, match="clock"):
        checkpoint_sign()
    with authority(shift="-1m"):
        assert checkpoint_sign()


def test_a_quiet_log_shows_once_a_day_that_it_lives(
    monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    first = checkpoint_renew()
    assert checkpoint_renew() == first
    tomorrow = now() + timedelta(hours=25)
    monkeypatch.setattr("expunge.audit.services.now", lambda: tomorrow)
    settings.EXPUNGE_QUIET_HOURS = 0
    assert checkpoint_renew() == first
    settings.EXPUNGE_QUIET_HOURS = 24
    second = checkpoint_renew()
    assert second.size == first.size + 1
    (leaf,) = Leaf.objects.filter(action=AuditAction.LOG_QUIET)
    assert json.loads(bytes(leaf.data))["data"]["size"] == first.size
    assert log_verify().sound
