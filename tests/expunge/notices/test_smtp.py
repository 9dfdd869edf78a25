"""Letters through a real SMTP server, and a worker that is killed between sending and saying so."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller as SmtpServer
from django.db import connection, transaction

from expunge.common.clock import now
from expunge.notices.delivery import notice_deliver
from expunge.notices.kinds import NoticeKind
from expunge.notices.letters import SAMPLES
from expunge.notices.models import Notice, OutboxState
from expunge.notices.services import mail_send
from tests.expunge.factories import People

ROOT = Path(__file__).resolve().parents[3]
WORKER = """
import sys
import django
django.setup()
from expunge.notices import delivery
from pathlib import Path
import time
def stop(notice):
    Path(sys.argv[2]).touch()
    time.sleep(60)
delivery._record_success = stop
delivery.notice_deliver(sys.argv[1])
"""


class Mailbox:
    """What an SMTP server got, and what it answers."""

    def __init__(self) -> None:
        self.got: list[tuple[list[str], EmailMessage]] = []
        self.answer = "250 OK"

    async def handle_RCPT(self, _s: Any, _n: Any, envelope: Any, address: str, _o: Any) -> str:  # noqa: N802 - aiosmtpd's name
        if address.startswith("nobody@"):
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - as above
        if self.answer.startswith("250"):
            parsed = message_from_bytes(envelope.content, policy=policy.default)
            assert isinstance(parsed, EmailMessage)
            self.got.append((envelope.rcpt_tos, parsed))
        return self.answer


@pytest.fixture
def mailbox(settings: Any) -> Iterator[Mailbox]:
    box = Mailbox()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = SmtpServer(box, hostname="127.0.0.1", port=port)
    server.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST = "127.0.0.1"
    settings.EMAIL_PORT = port
    yield box
    server.stop()


@pytest.fixture
def queued(cast: People) -> Callable[..., Notice]:
    def queue(**given: Any) -> Notice:
        defaults: dict[str, Any] = {
            "kind": NoticeKind.REFUSAL,
            "controller_id": cast.controller.pk,
            "recipient": "erika@home.example",
            "language": "de",
            "context": {**SAMPLES, "person": "Erika Müßig"},
            "ticket_id": None,
        }
        with transaction.atomic():
            return mail_send(**{**defaults, **given})

    return queue


def test_a_letter_arrives_whole(queued: Callable[..., Notice], mailbox: Mailbox) -> None:
    notice = queued()
    notice_deliver(notice.pk)
    ((recipients, message),) = mailbox.got
    assert recipients == ["erika@home.example"]
    assert message["Message-ID"] == notice.message_id
    assert message["Content-Language"] == "de" and message["Auto-Submitted"] == "auto-generated"
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None and html is not None
    assert "Erika Müßig" in text.get_content() and SAMPLES["remedy"] in text.get_content()
    assert "&lt;and&gt;" in html.get_content()


def test_a_server_that_is_busy_is_asked_again(
    queued: Callable[..., Notice], mailbox: Mailbox
) -> None:
    notice = queued()
    mailbox.answer = "451 try later"
    notice_deliver(notice.pk)
    notice.refresh_from_db()
    assert (notice.state, notice.error) == (OutboxState.QUEUED, "smtp_451")
    mailbox.answer = "250 OK"
    Notice.objects.update(due_at=now())
    notice_deliver(notice.pk)
    notice.refresh_from_db()
    assert notice.state == OutboxState.SENT and len(mailbox.got) == 1


def test_an_unknown_user_is_a_final_failure(
    queued: Callable[..., Notice], mailbox: Mailbox
) -> None:
    notice = queued(recipient="nobody@home.example")
    notice_deliver(notice.pk)
    notice.refresh_from_db()
    assert (notice.state, notice.error) == (OutboxState.FAILED, "refused_550")


def test_no_server_at_all_is_a_failure_that_passes(
    queued: Callable[..., Notice], settings: Any
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    notice = queued()
    notice_deliver(notice.pk)
    notice.refresh_from_db()
    assert (notice.state, notice.error) == (OutboxState.QUEUED, "ConnectionRefusedError")


@pytest.mark.crash
@pytest.mark.django_db(transaction=True)
def test_a_worker_killed_after_sending_leads_to_one_repetition_with_the_same_id(
    queued: Callable[..., Notice], mailbox: Mailbox, settings: Any, tmp_path: Path
) -> None:
    """At least once: the mail is out, the mark is not. The next worker sends it once more."""
    notice = queued()
    sent = tmp_path / "sent"
    database = connection.settings_dict
    (tmp_path / "crash_settings.py").write_text(
        "from expunge.config.settings.test import *\n"
        f"DATABASES['default']['NAME'] = {database['NAME']!r}\n"
        "EMAIL_BACKEND = 'django.core.mail.backends.smtp.EmailBackend'\n"
        f"EMAIL_HOST, EMAIL_PORT = '127.0.0.1', {settings.EMAIL_PORT}\n",
        encoding="utf-8",
    )
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(notice.pk), str(sent)],
        cwd=ROOT,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "crash_settings",
            "PYTHONPATH": f"{tmp_path}:{ROOT}:{ROOT / 'platform'}",
        },
    )
    deadline = time.monotonic() + 60
    while not sent.exists() and worker.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    assert len(mailbox.got) == 1
    notice_deliver(notice.pk)
    assert len(mailbox.got) == 1, "the dead worker's claim still holds"
    Notice.objects.update(lease_until=now() - timedelta(seconds=1))
    notice_deliver(notice.pk)
    notice.refresh_from_db()
    assert notice.state == OutboxState.SENT and notice.tries == 2
    first, second = (message["Message-ID"] for _, message in mailbox.got)
    assert first == second
