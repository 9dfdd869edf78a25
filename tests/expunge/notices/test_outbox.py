"""Letters in the outbox: queued with their cause, claimed once, erased when sent."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from email.utils import parseaddr
from smtplib import SMTPRecipientsRefused, SMTPServerDisconnected
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends import locmem
from django.db import connection, transaction

from expunge.common.clock import now
from expunge.notices.delivery import notice_deliver
from expunge.notices.kinds import NoticeKind
from expunge.notices.letters import SAMPLES
from expunge.notices.models import Notice, OutboxState
from expunge.notices.outbox import LEASE, MAIL, row_claim, row_failed, row_sent, rows_due
from expunge.notices.retention import FAILED_TEXT, METADATA, outbox_forget
from expunge.notices.services import mail_send
from expunge.notices.tasks import outbox_sweep
from tests.expunge.factories import People

ADDRESS = "erika@home.example"
Queue = Callable[..., Notice]


@pytest.fixture
def queued(cast: People) -> Queue:
    def queue(**given: Any) -> Notice:
        defaults: dict[str, Any] = {
            "kind": NoticeKind.ACKNOWLEDGEMENT,
            "controller_id": cast.controller.pk,
            "recipient": ADDRESS,
            "context": {**SAMPLES, "person": "Erika", "reference": "EX-1"},
            "ticket_id": None,
        }
        with transaction.atomic():
            return mail_send(**{**defaults, **given})

    return queue


def raw(notice: Notice) -> bytes:
    with connection.cursor() as cursor:
        cursor.execute("SELECT n::text FROM notices_notice n WHERE id = %s", [notice.pk])
        (row,) = cursor.fetchone()
    found: str = row
    return found.encode()


def fail_with(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def send_messages(*_: Any) -> int:
        raise error

    monkeypatch.setattr(locmem.EmailBackend, "send_messages", send_messages)


def test_a_letter_is_encrypted_until_it_is_sent_and_erased_then(queued: Queue) -> None:
    notice = queued()
    assert bytes(ADDRESS, "ascii").hex().encode() not in raw(notice)
    assert b"Erika".hex().encode() not in raw(notice)
    notice_deliver(notice.pk)
    notice.refresh_from_db()
    assert notice.state == OutboxState.SENT and notice.ended_at is not None
    assert (notice.recipient, notice.subject, notice.body) == (None, None, None)
    (message,) = mail.outbox
    assert message.to == [ADDRESS]
    assert message.extra_headers["Message-ID"] == notice.message_id


def test_a_letter_has_a_text_and_an_html_part(queued: Queue) -> None:
    notice_deliver(queued().pk)
    (message,) = mail.outbox
    kinds = [part.get_content_type() for part in message.message().walk()]
    assert kinds == ["multipart/alternative", "text/plain", "text/html"]
    assert message.message()["Auto-Submitted"] == "auto-generated"


def test_a_letter_is_queued_in_the_transaction_of_its_cause(queued: Queue) -> None:
    with transaction.atomic():
        queued()
        assert Notice.objects.count() == 1
        transaction.set_rollback(True)
    assert not Notice.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_outside_a_transaction_nothing_is_queued(cast: People) -> None:
    with pytest.raises(transaction.TransactionManagementError):
        mail_send(
            kind=NoticeKind.ACKNOWLEDGEMENT,
            controller_id=cast.controller.pk,
            recipient=ADDRESS,
            context={},
            ticket_id=None,
        )


def test_a_letter_that_is_out_is_not_sent_again(queued: Queue) -> None:
    notice = queued()
    notice_deliver(notice.pk)
    notice_deliver(notice.pk)
    outbox_sweep()
    assert len(mail.outbox) == 1


def test_only_one_worker_holds_a_claim_until_it_runs_out(queued: Queue) -> None:
    notice = queued()
    mine = row_claim(Notice, notice.pk)
    assert mine is not None
    assert row_claim(Notice, notice.pk) is None
    Notice.objects.filter(pk=notice.pk).update(lease_until=now() - timedelta(seconds=1))
    theirs = row_claim(Notice, notice.pk)
    assert theirs is not None and theirs.message_id == mine.message_id
    assert not row_sent(mine)
    assert row_sent(theirs, recipient=None, subject=None, body=None)


@pytest.mark.django_db(transaction=True)
def test_eight_workers_at_once_send_one_mail(queued: Queue) -> None:
    notice = queued()
    gate = threading.Barrier(8)

    def work() -> None:
        gate.wait()
        notice_deliver(notice.pk)
        connection.close()

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(mail.outbox) == 1


def test_a_failed_try_waits_longer_each_time_and_then_gives_up_for_all_to_see(
    queued: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    notice = queued()
    fail_with(monkeypatch, SMTPServerDisconnected(f"lost {ADDRESS}"))
    waits = []
    for _ in range(MAIL.tries - 1):
        before = now()
        notice_deliver(notice.pk)
        notice.refresh_from_db()
        assert notice.state == OutboxState.QUEUED and notice.error == "SMTPServerDisconnected"
        waits.append((notice.due_at - before).total_seconds())
        Notice.objects.update(due_at=now())
    assert 25 < waits[0] <= 61 and waits[3] > waits[0]
    assert max(waits) <= MAIL.longest.total_seconds() + 1
    notice_deliver(notice.pk)
    notice.refresh_from_db()
    assert notice.state == OutboxState.FAILED and notice.tries == MAIL.tries
    assert not rows_due(Notice, now() + timedelta(days=9)).exists()


def test_an_address_that_does_not_exist_is_not_tried_again(
    queued: Queue, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    notice = queued()
    fail_with(monkeypatch, SMTPRecipientsRefused({ADDRESS: (550, b"no such user")}))
    notice_deliver(notice.pk)
    notice.refresh_from_db()
    assert (notice.state, notice.error, notice.tries) == (OutboxState.FAILED, "refused_550", 1)
    assert ADDRESS not in caplog.text


def test_delays_double_with_jitter() -> None:
    delays = [MAIL.delay(1) for _ in range(50)]
    assert timedelta(seconds=30) <= min(delays) < max(delays) <= timedelta(minutes=1)
    assert MAIL.delay(99) <= MAIL.longest


def test_a_claim_that_ran_out_is_found_by_the_sweep(queued: Queue) -> None:
    notice = queued()
    row_claim(Notice, notice.pk)
    outbox_sweep()
    assert not mail.outbox
    Notice.objects.update(lease_until=now() - LEASE)
    outbox_sweep()
    assert len(mail.outbox) == 1


def test_a_letter_to_no_mail_address_waits_for_a_person(queued: Queue) -> None:
    notice = queued(recipient="12 River Street, Riverland")
    assert notice.state == OutboxState.BY_HAND
    outbox_sweep()
    assert not mail.outbox
    assert "EX-1" in (Notice.objects.get(pk=notice.pk).body or "")


def test_the_text_of_a_failed_letter_goes_after_a_while_and_the_row_after_the_retention(
    queued: Queue,
) -> None:
    notice = queued()
    claimed = row_claim(Notice, notice.pk)
    assert claimed is not None
    row_failed(claimed, error="x", patience=MAIL, final=True)
    outbox_forget()
    notice.refresh_from_db()
    assert notice.recipient == ADDRESS
    Notice.objects.update(ended_at=now() - FAILED_TEXT - timedelta(days=1))
    outbox_forget()
    notice.refresh_from_db()
    assert notice.recipient is None and notice.body is None
    Notice.objects.update(ended_at=now() - METADATA - timedelta(days=1))
    outbox_forget()
    assert not Notice.objects.exists()


def test_the_sender_is_the_configured_one(queued: Queue, settings: Any) -> None:
    notice_deliver(queued().pk)
    assert parseaddr(mail.outbox[0].from_email)[1] == settings.DEFAULT_FROM_EMAIL
