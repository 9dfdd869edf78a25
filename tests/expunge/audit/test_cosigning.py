"""Cosigners: outsiders who notice a log that was cut short, rewritten, or shown two ways."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.test import Client

from expunge.audit import checkpoint as notes
from expunge.audit.actions import AuditAction
from expunge.audit.checkpoint import COSIGNATURE, Checkpoint, CheckpointError, parse_key
from expunge.audit.continuation import Continuation, read_continuation, write_continuation
from expunge.audit.cosignature import cosign, cosigned_at
from expunge.audit.cosigner import REFUSED, SIGNED, USAGE, Cosigner, main
from expunge.audit.cosigners import (
    continuation_since,
    cosignature_record,
    cosigner_add,
    cosigner_retire,
)
from expunge.audit.keys import checkpoint_key, log_key, log_origin
from expunge.audit.merkle import EMPTY_ROOT, leaf_hash, node_hash
from expunge.audit.models import Cosignature, Leaf
from expunge.audit.services import audit_record, checkpoint_sign
from expunge.common.errors import ConflictError, InvalidInputError, NotFoundError
from tests.expunge.factories import People

LOG = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
ORIGIN = "log.example/audit"
PUBLIC = notes.public_key(ORIGIN, LOG)
LEAVES = [leaf_hash(bytes([number])) for number in range(4)]
ROOTS = {
    0: EMPTY_ROOT,
    1: LEAVES[0],
    2: node_hash(LEAVES[0], LEAVES[1]),
    3: node_hash(node_hash(LEAVES[0], LEAVES[1]), LEAVES[2]),
}


def signed(size: int, root: bytes) -> str:
    return notes.sign(Checkpoint(ORIGIN, size, root), LOG)


@pytest.fixture
def auditor(tmp_path: Path) -> Cosigner:
    return Cosigner.create(tmp_path / "auditor", "auditor.example/main", f"{PUBLIC}\n")


def write(number: int = 0) -> None:
    with transaction.atomic():
        audit_record(
            action=AuditAction.TICKET_FILED,
            actor="user:1",
            controller_id=None,
            subject={},
            data={"number": number},
        )


def test_a_log_that_only_grew_is_cosigned_and_the_line_reads_back(auditor: Cosigner) -> None:
    auditor.sign(Continuation(0, [], signed(2, ROOTS[2])))
    note = auditor.sign(Continuation(2, [LEAVES[2]], signed(3, ROOTS[3])))
    assert notes.verify(note, PUBLIC).size == 3
    key = parse_key(str(auditor.public), COSIGNATURE)
    assert abs(cosigned_at(note, key).timestamp() - time.time()) < 60
    assert auditor.last == Checkpoint(ORIGIN, 3, ROOTS[3])


REFUSED_LOGS = {
    "cut short": Continuation(2, [], signed(1, ROOTS[1])),
    "two logs of 2": Continuation(2, [], signed(2, node_hash(LEAVES[0], LEAVES[3]))),
    "past of the log was changed": Continuation(
        2, [LEAVES[2]], signed(3, node_hash(node_hash(LEAVES[0], LEAVES[3]), LEAVES[2]))
    ),
    "proof begins at 1": Continuation(1, [], signed(3, ROOTS[3])),
}


@pytest.mark.parametrize("why", REFUSED_LOGS)
def test_another_past_is_refused_and_kept_as_evidence(auditor: Cosigner, why: str) -> None:
    auditor.sign(Continuation(0, [], signed(2, ROOTS[2])))
    with pytest.raises(CheckpointError, match=why):
        auditor.sign(REFUSED_LOGS[why])
    assert auditor.last == Checkpoint(ORIGIN, 2, ROOTS[2])
    (evidence,) = auditor.folder.glob("refused-*.txt")
    assert evidence.read_text() == REFUSED_LOGS[why].note


def test_a_note_that_the_log_did_not_sign_is_refused(auditor: Cosigner) -> None:
    forged = notes.sign(Checkpoint(ORIGIN, 2, ROOTS[2]), Ed25519PrivateKey.generate())
    with pytest.raises(CheckpointError, match="has not signed"):
        auditor.sign(Continuation(0, [], forged))
    assert auditor.last is None


@pytest.mark.parametrize("position", range(0, 90, 7))
def test_a_changed_character_of_a_cosignature_is_noticed(auditor: Cosigner, position: int) -> None:
    note = auditor.sign(Continuation(0, [], signed(2, ROOTS[2])))
    line = note.splitlines()[-1]
    place = len(note) - len(line) - 1 + line.index(" ", 3) + 1 + position
    changed = note[:place] + chr(ord(note[place]) ^ 1) + note[place + 1 :]
    with pytest.raises(CheckpointError):
        cosigned_at(changed, auditor.public)


def test_the_program_says_what_it_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "log.key").write_text(f"{PUBLIC}\n")
    folder = str(tmp_path / "a")
    init = ["init", folder, "--name", "auditor.example", "--log-key", str(tmp_path / "log.key")]
    assert main(init) == SIGNED
    assert capsys.readouterr().out.startswith("auditor.example+")
    assert main(init) == USAGE
    shown = tmp_path / "shown.json"
    for size, code in ((2, SIGNED), (1, REFUSED)):
        item = Continuation(0, [], signed(size, ROOTS[size]))
        shown.write_text(json.dumps(write_continuation(item)))
        assert main(["sign", folder, str(shown)]) == code
    assert "NOT SIGNED: the log was cut short" in capsys.readouterr().err
    shown.write_text("{}")
    assert main(["sign", folder, str(shown)]) == USAGE


@pytest.mark.parametrize("name", ["", "two words", "a+b"])
def test_a_name_that_a_note_cannot_carry_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(CheckpointError, match="neither spaces nor plus"):
        Cosigner.create(tmp_path / "x", name, f"{PUBLIC}\n")


@pytest.mark.django_db(transaction=True)
def test_from_the_log_to_the_cosigner_and_back(tmp_path: Path) -> None:
    out = StringIO()
    outsider = Cosigner.create(tmp_path / "auditor", "auditor.example", f"{log_key()}\n")
    call_command("cosigner_add", str(outsider.public), stdout=out)
    sizes = []
    for number in range(3):
        write(number)
        since = outsider.last.size if outsider.last else 0
        call_command("audit_continuation", str(since), str(tmp_path / "c.json"), stdout=out)
        shown = read_continuation(json.loads((tmp_path / "c.json").read_text()))
        (tmp_path / "cosigned.txt").write_text(outsider.sign(shown))
        for _ in range(2):
            call_command("cosignature_add", str(tmp_path / "cosigned.txt"), stdout=out)
        sizes.append(notes.parse(shown.note).size)
    assert (
        list(Cosignature.objects.order_by("checkpoint_id").values_list("checkpoint_id", flat=True))
        == sizes
    )
    # A whole export, with the cosigned checkpoints in it, convinces a newcomer and the old hand.
    call_command("audit_export", str(tmp_path / "log.jsonl"), stdout=out)
    assert cosigned_at(outsider.sign(tmp_path / "log.jsonl"), outsider.public)
    lines = (tmp_path / "log.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "short.jsonl").write_text("".join(lines[:2] + lines[-4:-1]))
    with pytest.raises(CheckpointError, match="cut short"):
        outsider.sign(tmp_path / "short.jsonl")


@pytest.mark.django_db(transaction=True)
def test_only_known_cosigners_and_our_own_checkpoints_are_taken(tmp_path: Path) -> None:
    write()
    note = checkpoint_sign().note
    outsider = Cosigner.create(tmp_path / "a", "auditor.example", f"{log_key()}\n")
    cosigned = outsider.sign(Continuation(0, [], note))
    with pytest.raises(InvalidInputError, match="No cosigner that is known"):
        cosignature_record(note=cosigned)
    known = cosigner_add(public=str(outsider.public))
    with pytest.raises(ConflictError, match="known already"):
        cosigner_add(public=str(outsider.public))
    with pytest.raises(InvalidInputError, match="for this use"):
        cosigner_add(public=str(log_key()))
    foreign = notes.sign(Checkpoint(log_origin(), 2, bytes(32)), checkpoint_key())
    with pytest.raises(InvalidInputError, match="it is evidence"):
        cosignature_record(note=foreign)
    (kept,) = cosignature_record(note=cosigned)
    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("DELETE FROM audit_cosignature")
    cosigner_retire(cosigner_id=known.pk)
    with pytest.raises(InvalidInputError, match="No cosigner"):
        cosignature_record(note=cosigned)
    with pytest.raises(NotFoundError, match="no such cosigner"):
        cosigner_retire(cosigner_id=known.pk)
    assert kept.line in cosigned
    told = [AuditAction.COSIGNER_ADDED, AuditAction.COSIGNER_RETIRED]
    assert list(Leaf.objects.filter(action__in=told).values_list("action", flat=True)) == told


@pytest.mark.django_db(transaction=True)
def test_a_larger_log_than_was_signed_is_not_proved() -> None:
    with pytest.raises(NotFoundError):
        continuation_since(0)
    write()
    size = checkpoint_sign().size
    with pytest.raises(NotFoundError):
        continuation_since(size + 1)


@pytest.mark.django_db(transaction=True)
def test_the_page_of_the_log_names_who_cosigned_last(cast: People, client: Client) -> None:
    checkpoint_sign()
    client.force_login(cast.dora.user)  # type: ignore[arg-type]
    assert "Nobody outside cosigns this log yet." in client.get("/audit/").content.decode()
    key = Ed25519PrivateKey.generate()
    cosigner_add(public=str(notes.public_key("auditor.example", key, COSIGNATURE)))
    assert "nothing yet" in client.get("/audit/").content.decode()
    newest = checkpoint_sign()
    cosignature_record(
        note=newest.note + cosign(newest.note, key, "auditor.example", datetime.now(UTC))
    )
    page = client.get("/audit/").content.decode()
    assert "auditor.example" in page
    assert f"{newest.size} entries, on" in page
