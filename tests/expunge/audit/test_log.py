"""The log has no gap, cannot be rewritten, and shows when it was."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.transaction import TransactionManagementError

from contract.canonical import canonical
from expunge.audit import merkle, selectors
from expunge.audit.actions import AuditAction
from expunge.audit.models import Checkpoint, Leaf
from expunge.audit.services import audit_record, checkpoint_sign

CONTROLLER = UUID(int=7)


def write(number: int = 0) -> Leaf:
    with transaction.atomic():
        return audit_record(
            action=AuditAction.TICKET_MOVED,
            actor="system:test",
            controller_id=CONTROLLER,
            subject={"ticket": str(uuid4())},
            data={"number": number},
        )


@pytest.mark.django_db
def test_a_leaf_is_the_canonical_json_of_what_happened() -> None:
    leaf = write(5)
    stored = Leaf.objects.get(seq=leaf.seq)
    assert bytes(stored.data) == leaf.data
    assert canonical({"number": 5}) in bytes(stored.data)
    assert bytes(stored.hash) == merkle.leaf_hash(leaf.data)


@pytest.mark.django_db(transaction=True)
def test_nothing_is_written_outside_the_transaction_of_what_it_tells() -> None:
    with pytest.raises(TransactionManagementError):
        audit_record(
            action=AuditAction.TICKET_MOVED,
            actor="system:test",
            controller_id=None,
            subject={},
            data={},
        )


@pytest.mark.django_db(transaction=True)
def test_a_rolled_back_transaction_leaves_no_leaf_and_no_gap() -> None:
    write(0)
    with pytest.raises(RuntimeError), transaction.atomic():
        write(1)
        raise RuntimeError
    write(2)
    assert list(Leaf.objects.values_list("seq", flat=True)) == [0, 1]
    assert selectors.log_verify().problems == ()


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
    check = selectors.log_verify()
    assert (check.size, check.problems) == (80, ())


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_leaf SET action = 'other'",
        "DELETE FROM audit_leaf",
        "TRUNCATE audit_leaf",
        "DELETE FROM audit_node",
        "UPDATE audit_checkpoint SET size = 9",
    ],
)
def test_the_database_refuses_to_change_the_past(statement: str) -> None:
    write()
    checkpoint_sign()
    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
    assert selectors.log_verify().problems == ()


@pytest.mark.django_db
def test_stored_subtrees_prove_every_leaf_against_a_checkpoint() -> None:
    leaves = [write(number) for number in range(11)]
    checkpoint = checkpoint_sign()
    assert checkpoint is not None
    assert checkpoint.size == 11
    for leaf in leaves:
        path = selectors.inclusion_proof(leaf.seq, 11)
        assert merkle.included(bytes(leaf.hash), leaf.seq, 11, path, bytes(checkpoint.root))


@pytest.mark.django_db
def test_signing_the_same_log_twice_gives_one_checkpoint() -> None:
    write()
    assert checkpoint_sign() == checkpoint_sign()
    assert Checkpoint.objects.count() == 1


@pytest.mark.django_db
def test_an_empty_log_has_nothing_to_sign() -> None:
    assert checkpoint_sign() is None
    assert selectors.log_verify().problems == ()


@pytest.mark.django_db(transaction=True)
def test_tampering_below_the_triggers_is_found() -> None:
    for number in range(5):
        write(number)
    checkpoint_sign()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_leaf DISABLE TRIGGER audit_leaf_rows")
        cursor.execute("UPDATE audit_leaf SET data = 'forged' WHERE seq = 2")
        cursor.execute("DELETE FROM audit_leaf WHERE seq = 4")
        cursor.execute("ALTER TABLE audit_leaf ENABLE ALWAYS TRIGGER audit_leaf_rows")
    problems = selectors.log_verify().problems
    assert "leaf 2 was altered" in problems
    assert "the log is shorter than its checkpoint of 5 leaves" in problems
