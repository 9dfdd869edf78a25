"""The log has no gap, cannot be rewritten, and shows when it was."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.db.transaction import TransactionManagementError

from expunge.audit import checkpoint as notes
from expunge.audit import merkle, selectors
from expunge.audit.actions import AuditAction
from expunge.audit.export import ExportError, StampedNote, read_export
from expunge.audit.keys import log_key
from expunge.audit.leaves import commitment, commitment_opens
from expunge.audit.models import Checkpoint, Leaf
from expunge.audit.services import audit_record, audit_record_now, checkpoint_sign

CONTROLLER = UUID(int=7)


def write(number: int = 0) -> Leaf:
    with transaction.atomic():
        return audit_record_now(
            action=AuditAction.TICKET_MOVED,
            actor="system:test",
            controller_id=CONTROLLER,
            subject={"ticket": str(uuid4())},
            data={"number": number},
        )


def note(number: int) -> None:
    audit_record(
        action=AuditAction.TICKET_MOVED,
        actor="system:test",
        controller_id=CONTROLLER,
        subject={"ticket": str(uuid4())},
        data={"number": number},
    )


@pytest.mark.django_db
def test_an_entry_is_the_canonical_json_of_what_happened() -> None:
    leaf = Leaf.objects.get(seq=write(5).seq)
    entry = json.loads(bytes(leaf.data))
    assert entry["action"] == "ticket.moved"
    assert entry["data"] == {"number": 5}
    assert entry["controller"] == str(CONTROLLER)
    assert entry["subject"] == {"ticket": str(leaf.ticket_id)}
    assert bytes(leaf.leaf_hash) == merkle.leaf_hash(bytes(leaf.data))


@pytest.mark.django_db(transaction=True)
def test_nothing_is_written_outside_the_transaction_of_what_it_tells() -> None:
    with pytest.raises(TransactionManagementError):
        audit_record_now(
            action=AuditAction.TICKET_MOVED,
            actor="system:test",
            controller_id=None,
            subject={},
            data={},
        )


class ChangeOfMindError(Exception):
    """Something that undoes a transaction."""


def write_and_undo() -> None:
    with transaction.atomic():
        write(1)
        raise ChangeOfMindError


@pytest.mark.django_db(transaction=True)
def test_a_rolled_back_transaction_leaves_no_entry_and_no_gap() -> None:
    write(0)
    with pytest.raises(ChangeOfMindError):
        write_and_undo()
    write(2)
    assert list(Leaf.objects.values_list("seq", flat=True)) == [0, 1]
    assert selectors.log_verify().sound


@pytest.mark.django_db(transaction=True)
def test_many_writers_at_once_leave_no_gap() -> None:
    def work(number: int) -> None:
        try:
            for turn in range(10):
                write(number * 10 + turn)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    state = selectors.log_verify()
    assert (state.size, state.faults) == (80, ())
    assert state.root == selectors.log_root(80).hex()


def numbers() -> list[int]:
    return [json.loads(bytes(leaf.data))["data"]["number"] for leaf in Leaf.objects.all()]


@pytest.mark.django_db(transaction=True)
def test_an_entry_holds_up_nobody_before_its_transaction_commits() -> None:
    def quick() -> None:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = '2s'")
                note(2)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool, transaction.atomic():
        note(1)
        pool.submit(quick).result(timeout=20)
    assert numbers() == [2, 1]
    assert selectors.log_verify().sound


@pytest.mark.django_db(transaction=True)
def test_entries_of_one_transaction_keep_their_order_and_leave_nothing_waiting() -> None:
    with transaction.atomic():
        for number in range(5):
            note(number)
    assert numbers() == [0, 1, 2, 3, 4]
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM audit_pending")
        assert cursor.fetchone() == (0,)


@pytest.mark.django_db(transaction=True)
def test_who_reads_the_log_inside_a_transaction_reads_its_own_entries() -> None:
    with transaction.atomic():
        note(0)
        assert numbers() == [0]
        note(1)
        assert numbers() == [0, 1]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("table", ["audit_leaf", "audit_node", "audit_checkpoint"])
@pytest.mark.parametrize(
    "statement", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {} CASCADE"]
)
def test_the_database_refuses_to_change_the_past(table: str, statement: str) -> None:
    write()
    checkpoint_sign()
    column = {"audit_leaf": "seq", "audit_node": "level", "audit_checkpoint": "size"}[table]
    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement.format(table, column, column))
    assert selectors.log_verify().sound


@pytest.mark.django_db
def test_stored_subtrees_prove_every_entry_against_a_checkpoint() -> None:
    for number in range(11):
        write(number)
    signed = checkpoint_sign()
    checkpoint = notes.verify(signed.note, log_key())
    assert signed.size == checkpoint.size == 12
    for leaf in Leaf.objects.all():
        path = selectors.inclusion_proof(leaf.seq, 12)
        merkle.verify_inclusion(bytes(leaf.leaf_hash), leaf.seq, 12, path, checkpoint.root)


@pytest.mark.django_db
def test_a_grown_log_proves_that_it_begins_with_the_old_one() -> None:
    write()
    old = notes.parse(checkpoint_sign().note)
    for number in range(6):
        write(number)
    new = notes.parse(checkpoint_sign().note)
    path = selectors.consistency_proof(old.size, new.size)
    merkle.verify_consistency(old.size, new.size, path, old.root, new.root)


@pytest.mark.django_db
def test_the_first_checkpoint_introduces_its_key_and_one_size_is_signed_once() -> None:
    write()
    first, again = checkpoint_sign(), checkpoint_sign()
    assert first == again
    assert Checkpoint.objects.count() == 1
    introduced = Leaf.objects.get(action=AuditAction.KEY_INTRODUCED)
    assert json.loads(bytes(introduced.data))["data"]["public"] == str(log_key())


@pytest.mark.django_db(transaction=True)
def test_no_checkpoint_is_signed_over_entries_that_may_be_rolled_back() -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        checkpoint_sign()


TAMPERING = {
    "Entry 2 was altered": "UPDATE audit_leaf SET data = 'forged' WHERE seq = 2",
    "The log was cut short": "DELETE FROM audit_leaf WHERE seq = 5",
    "There is a gap": "DELETE FROM audit_leaf WHERE seq = 3",
    "Entry 1 is filed wrongly": "UPDATE audit_leaf SET actor = 'user:mallory' WHERE seq = 1",
    "The tree above entry 1": "UPDATE audit_node SET hash = sha256('x') WHERE level = 1 "
    "AND index = 0",
    "The timestamp over the first 6 entries": "UPDATE audit_checkpoint SET token = "
    "(SELECT token FROM audit_checkpoint WHERE size = 1) WHERE size = 6",
    "A checkpoint cannot be trusted": "UPDATE audit_checkpoint SET note = replace(note, '6', '7')",
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("fault", TAMPERING)
def test_tampering_below_the_triggers_is_found(fault: str) -> None:
    checkpoint_sign()  # introduces the log's key as entry 0
    for number in range(5):
        write(number)
    checkpoint_sign()
    with connection.cursor() as cursor:
        tables = ("audit_leaf", "audit_node", "audit_checkpoint")
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {table}_rows")
        cursor.execute(TAMPERING[fault])
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_rows")
    assert any(found.startswith(fault) for found in selectors.log_verify().faults)
    with pytest.raises(SystemExit, match="1"):
        call_command("audit_verify", stdout=StringIO(), stderr=StringIO())


@pytest.mark.django_db(transaction=True)
def test_a_process_without_the_roots_notices_the_timestamp_of_another_checkpoint(
    settings: Any,
) -> None:
    test_tampering_below_the_triggers_is_found("The timestamp over the first 6 entries")
    settings.EXPUNGE_MAY_SIGN = False
    assert selectors.log_verify().faults == (
        "The timestamp over the first 6 entries cannot be read or is of other bytes.",
    )


@pytest.mark.django_db
def test_the_commands_sign_verify_and_export(tmp_path: Path) -> None:
    write()
    out = StringIO()
    call_command("audit_checkpoint", stdout=out)
    assert notes.verify(out.getvalue(), log_key()).size == 2
    call_command("audit_verify", stdout=out)
    assert "2 entries without a gap, 1 signed checkpoints" in out.getvalue()
    call_command("audit_export", str(tmp_path / "log.jsonl"), stdout=out)
    items = list(read_export(tmp_path / "log.jsonl"))
    assert [type(item) is StampedNote for item in items] == [False, False, True]
    assert (tmp_path / "log.jsonl.key").read_text() == f"{log_key()}\n"


def test_what_is_no_export_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text('{"seq": 0, "data": ""}\n{"seq": 1}\n')
    with pytest.raises(ExportError, match="line 2"):
        list(read_export(tmp_path / "log.jsonl"))


def test_a_commitment_opens_with_its_key_only() -> None:
    value = commitment(b"k" * 32, {"name": "Erika"})
    assert commitment_opens(value, b"k" * 32, {"name": "Erika"})
    assert not commitment_opens(value, b"x" * 32, {"name": "Erika"})
    assert not commitment_opens(value, b"k" * 32, {"name": "Erik"})
    assert "Erika" not in value
