"""Keys that follow each other: nothing signed before loses its worth, nothing after is believed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from expunge.accounts.permissions import Actor
from expunge.audit import checkpoint as notes
from expunge.audit.actions import AuditAction
from expunge.audit.checkpoint import CheckpointError, parse_keys
from expunge.audit.cosigner import Cosigner
from expunge.audit.cosigners import continuation_since, cosignature_record, cosigner_add
from expunge.audit.keys import checkpoint_key, log_key, log_origin, trust_roots
from expunge.audit.models import Checkpoint, Leaf
from expunge.audit.selectors import log_keys, log_verify
from expunge.audit.services import checkpoint_sign
from expunge.audit.timestamps import timestamp
from expunge.certificates import rotation
from expunge.certificates.keys import statement_credential
from expunge.certificates.models import Certificate
from expunge.certificates.offline import Trust, verify
from expunge.certificates.offline.trust import read_roots
from expunge.certificates.rotation import PUBLIC, key_rotate
from expunge.certificates.selectors import certificate_pdf, certificate_sidecar
from expunge.certificates.services import certificate_issue
from expunge.common.errors import InvalidInputError
from expunge.common.pki import KeyMissingError
from tests.expunge.certificates.samples import FACTS


@pytest.fixture(autouse=True)
def own_keys(settings: Any, tmp_path: Path) -> Path:
    """Give the test keys of its own: it destroys them."""
    settings.EXPUNGE_SIGNING_DIR = tmp_path / "signing"
    return tmp_path / "signing"


def issue(number: int) -> tuple[bytes, bytes]:
    made = certificate_issue(
        facts=FACTS,
        ticket_id=UUID(int=number),
        controller_id=UUID(int=7),
        actor=Actor(system="worker"),
    )
    return certificate_pdf(made), certificate_sidecar(made)


@pytest.mark.django_db(transaction=True)
def test_after_every_key_was_rotated_old_and_new_certificates_hold(
    own_keys: Path, tmp_path: Path
) -> None:
    old_pdf, old_sidecar = issue(1)
    first = Trust(read_roots(trust_roots()), (log_key(),))
    destroyed = {purpose: (own_keys / f"{purpose}.key.pem").read_bytes() for purpose in PUBLIC}
    for purpose in PUBLIC:
        key_rotate(purpose=purpose)
    for purpose, before in destroyed.items():
        assert (own_keys / f"{purpose}.key.pem").read_bytes() != before
        assert not (own_keys / f"{purpose}.next.key.pem").exists()
    new_pdf, new_sidecar = issue(2)
    assert log_verify().sound
    call_command("trust_export", str(tmp_path), stdout=StringIO())
    call_command("audit_export", str(tmp_path / "log.jsonl"), stdout=StringIO())
    given = Trust(
        read_roots((tmp_path / "roots.pem").read_bytes()),
        parse_keys((tmp_path / "log.key").read_text()),
    )
    assert [bool(key.until) for key in given.log_keys] == [True, False]
    for pdf, sidecar in ((old_pdf, old_sidecar), (new_pdf, new_sidecar)):
        outcome = verify(pdf, given, sidecar=sidecar, export=tmp_path / "log.jsonl")
        assert outcome.valid, outcome.findings
    # Who only ever got the first key follows the log's own word, but needs the log for it.
    followed = verify(old_pdf, first, sidecar=old_sidecar, export=tmp_path / "log.jsonl")
    assert followed.valid, followed.findings
    assert not verify(new_pdf, first, sidecar=new_sidecar).valid


@pytest.mark.django_db(transaction=True)
def test_a_retired_key_signs_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint_sign()
    stolen = checkpoint_key()
    key_rotate(purpose="checkpoint")
    (retired, _) = log_keys()
    assert retired.until is not None
    late = retired.until + timedelta(seconds=1)
    forged = notes.sign(notes.Checkpoint(log_origin(), 99, bytes(32)), stolen)
    assert notes.verify(forged, retired, at=retired.until).size == 99
    for moment in (late, None):
        with pytest.raises(CheckpointError, match="retired"):
            notes.verify(forged, retired, at=moment)
    Checkpoint.objects.bulk_create([Checkpoint(size=99, note=forged, token=b"", signed_at=late)])
    assert any("retired" in fault for fault in log_verify().faults)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("step", ["checkpoint_sign", "replace_credential"])
@pytest.mark.parametrize("purpose", ["checkpoint", "statement"])
def test_an_interrupted_rotation_is_finished_by_running_it_again(
    monkeypatch: pytest.MonkeyPatch, purpose: str, step: str
) -> None:
    def stop(*_given: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as crash:
        crash.setattr(rotation, step, stop)
        with pytest.raises(KeyboardInterrupt):
            key_rotate(purpose=purpose)
    new = key_rotate(purpose=purpose)
    assert PUBLIC[purpose](purpose) == new
    retired = Leaf.objects.filter(action=AuditAction.KEY_RETIRED)
    assert retired.count() == 1
    checkpoint_sign()
    assert log_verify().sound


@pytest.mark.django_db(transaction=True)
def test_half_a_rotation_of_files_is_noticed(own_keys: Path) -> None:
    statement_credential()
    statement_credential("statement.next")
    (own_keys / "statement.next.key.pem").replace(own_keys / "statement.key.pem")
    with pytest.raises(KeyMissingError, match="run it again"):
        statement_credential()


@pytest.mark.django_db(transaction=True)
def test_production_wants_the_successor_put_there_first(
    settings: Any,
) -> None:
    issue(1)
    settings.EXPUNGE_KEYS_GENERATE = False
    with pytest.raises(CommandError, match=r"statement\.next"):
        call_command("key_rotate", "statement")
    assert not Leaf.objects.filter(action=AuditAction.KEY_RETIRED).exists()


def test_a_key_of_no_known_purpose_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="checkpoint, document, statement, timestamp"):
        key_rotate(purpose="house")


@pytest.mark.django_db(transaction=True)
def test_a_process_that_may_not_sign_gets_no_key(settings: Any) -> None:
    checkpoint_sign()
    settings.EXPUNGE_MAY_SIGN = False
    asked: list[Callable[[], object]] = [checkpoint_key, statement_credential, trust_roots]
    for ask in [*asked, lambda: timestamp(b"")]:
        with pytest.raises(KeyMissingError, match="may not sign"):
            ask()
    assert log_keys()


@pytest.mark.django_db(transaction=True)
def test_a_verifier_can_ask_for_a_cosigner(tmp_path: Path) -> None:
    pdf, sidecar = issue(1)
    outsider = Cosigner.create(tmp_path / "auditor", "auditor.example", f"{log_key()}\n")
    roots = read_roots(trust_roots())
    asked = Trust(roots, (log_key(),), (outsider.public,))
    refused = verify(pdf, asked, sidecar=sidecar)
    assert not refused.valid
    assert "cosigned by auditor.example" in refused.findings[-2].sentence
    cosigner_add(public=str(outsider.public))
    cosignature_record(note=outsider.sign(continuation_since(0)))
    (made,) = Certificate.objects.all()
    outcome = verify(pdf, asked, sidecar=certificate_sidecar(made))
    assert outcome.valid, outcome.findings
    call_command("audit_export", str(tmp_path / "log.jsonl"), stdout=StringIO())
    outcome = verify(pdf, asked, sidecar=sidecar, export=tmp_path / "log.jsonl")
    assert outcome.valid, outcome.findings
    somebody = Trust(roots, (log_key(),), (replace(outsider.public, raw=bytes(32)),))
    assert not verify(pdf, somebody, sidecar=certificate_sidecar(made)).valid
