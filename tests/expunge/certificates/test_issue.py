"""Issuing: the steps in their order, once, whatever crashes between them."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.db import connection, transaction

from contract.canonical import digest_bytes
from expunge.accounts.permissions import Actor
from expunge.audit.models import Checkpoint, Leaf
from expunge.audit.selectors import log_verify
from expunge.certificates import selectors, services
from expunge.certificates.models import Certificate, Status
from expunge.certificates.services import certificate_issue
from expunge.common.errors import ConflictError, NotFoundError
from tests.expunge.certificates.samples import FACTS, REFUTED

CONTROLLER, TICKET = UUID(int=7), UUID(int=70)
pytestmark = pytest.mark.django_db(transaction=True)


def issue(worker: Actor, **changes: Any) -> Certificate:
    return certificate_issue(
        facts=replace(FACTS, **changes), ticket_id=TICKET, controller_id=CONTROLLER, actor=worker
    )


def actions() -> list[str]:
    return list(Leaf.objects.values_list("action", flat=True))


def test_the_steps_leave_their_traces_in_order(worker: Actor) -> None:
    certificate = issue(worker)
    assert actions() == [
        "key.introduced",
        "key.introduced",
        "certificate.statement",
        "key.introduced",
        "certificate.issued",
    ]
    assert [item.size for item in Checkpoint.objects.all()] == [4, 5]
    pdf = selectors.certificate_pdf(certificate)
    issued = json.loads(bytes(Leaf.objects.get(pk=certificate.issued_seq).data))
    assert issued["data"]["pdf"] == certificate.pdf_sha256 == digest_bytes(pdf)
    assert issued["data"]["length"] == certificate.pdf_length == len(pdf)
    assert certificate.kind == "erasure" and certificate.is_certificate
    assert log_verify().sound


def test_a_second_call_changes_nothing(worker: Actor, fast: None) -> None:
    first = issue(worker)
    again = issue(worker, ticket="T-2026-0008", models=(REFUTED,))
    assert again == first and again.statement == first.statement
    assert actions().count("certificate.issued") == 1
    assert again.kind == "erasure"


@pytest.mark.parametrize("step", ["checkpoint_sign", "_signed_pdf", "_issued", "pdf_keep_only"])
def test_after_a_crash_the_next_call_finishes_the_same_document(
    worker: Actor, fast: None, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def crash(*args: Any, **kwargs: Any) -> None:
        raise OSError

    with monkeypatch.context() as patch:
        patch.setattr(services, step, crash)
        with pytest.raises(OSError):  # noqa: PT011 - the crash made above
            issue(worker)
    begun = Certificate.objects.get()
    certificate = issue(worker)
    assert certificate.number == begun.number
    assert certificate.status == Status.ISSUED
    assert actions().count("certificate.statement") == actions().count("certificate.issued") == 1
    assert len(list((settings.EXPUNGE_CERTIFICATES_DIR / str(certificate.pk)).iterdir())) == 1
    assert log_verify().sound


def test_two_workers_at_once_issue_one_certificate(worker: Actor, fast: None) -> None:
    def work(_: int) -> str:
        try:
            return str(issue(worker).number)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        numbers = set(pool.map(work, range(2)))
    assert numbers == {Certificate.objects.get().number}
    assert actions().count("certificate.statement") == actions().count("certificate.issued") == 1
    assert log_verify().sound


def test_nothing_is_issued_inside_a_transaction(worker: Actor) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        issue(worker)


def test_no_personal_data_and_no_names_of_people_are_in_the_log(worker: Actor, fast: None) -> None:
    issue(worker)
    for leaf in Leaf.objects.filter(action__startswith="certificate."):
        entry = json.loads(bytes(leaf.data))
        assert set(entry["subject"]) == {"ticket", "certificate"}
        assert set(entry["data"]) <= {"number", "kind", "statement", "pdf", "length"}


def test_a_certificate_of_another_organisation_is_not_found(worker: Actor, fast: None) -> None:
    certificate = issue(worker)
    mallory = Actor()
    assert list(selectors.certificates_visible(mallory)) == []
    with pytest.raises(NotFoundError):
        selectors.certificate_get(mallory, certificate.pk)
    # The system may see every organisation there is; this one is known to no table.
    with pytest.raises(NotFoundError):
        selectors.certificate_get(worker, certificate.pk)


def test_a_certificate_under_way_has_no_sidecar(worker: Actor) -> None:
    with pytest.raises(ConflictError, match="not issued"):
        selectors.certificate_sidecar(Certificate())
