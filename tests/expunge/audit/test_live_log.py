"""A log that grows while it is read: another process appends all the time, and nothing is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection

from expunge.audit import selectors
from expunge.audit.export import StampedNote, read_export
from expunge.audit.keys import log_key
from expunge.audit.replay import DatedNote, Entry, Replay
from expunge.audit.services import checkpoint_sign

pytestmark = pytest.mark.django_db(transaction=True)

# What the platform itself writes at the commit of a transaction, as fast as one process can.
WRITER = """
import json, sys, psycopg
database = psycopg.connect(**json.loads(sys.argv[1]))
insert = '''INSERT INTO audit_pending (entry, action, occurred_at, actor, role)
    VALUES (%s, 'ticket.moved', '2026-01-01T00:00:00Z', 'system:test', '')'''
entry = (
    b'{"action":"ticket.moved","actor":"system:test","controller":null,"data":{},'
    b'"occurred_at":"2026-01-01T00:00:00.000000Z","role":"","schema":"expunge.audit-entry/1",'
    b'"subject":{}}'
)
print("ready", flush=True)
while True:
    with database.transaction():
        for _ in range(3):
            database.execute(insert, [entry])
"""


@contextmanager
def another_process_appending() -> Iterator[None]:

    known = connection.get_connection_params()
    names = ("dbname", "user", "password", "host", "port")
    where = {name: known[name] for name in names if known.get(name)}
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, json.dumps(where)],
        stdout=subprocess.PIPE,
    )
    try:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
        yield
    finally:
        writer.kill()
        writer.wait()


def test_a_log_that_grows_meanwhile_is_sound() -> None:
    checkpoint_sign()
    with another_process_appending():
        sizes = []
        while len(sizes) < 6:
            state = selectors.log_verify()
            assert state.sound, state.faults
            sizes.append(state.size)
            checkpoint_sign()
    assert sizes == sorted(sizes)
    assert sizes[-1] > sizes[0], "the other process wrote nothing; the test shows nothing"


def test_an_export_of_a_log_that_grows_meanwhile_is_whole(tmp_path: Path) -> None:
    with another_process_appending():
        for _ in range(3):
            call_command("audit_export", str(tmp_path / "log.jsonl"), stdout=StringIO())
            items = list(read_export(tmp_path / "log.jsonl"))
            signed = [DatedNote(item.note) for item in items if isinstance(item, StampedNote)]
            replay = Replay(signed, [log_key()])
            for item in items:
                if isinstance(item, Entry):
                    replay.add(item)
            assert replay.finish() == []


def test_entries_that_come_between_two_reads_are_left_for_the_next_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    checkpoint_sign()
    size_of = selectors.log_size
    with another_process_appending():
        before = size_of()
        while size_of() < before + 9:
            pass

        def grown() -> int:
            size = size_of()
            while size_of() < size + 9:
                pass
            checkpoint_sign()
            return size

        with monkeypatch.context() as during:
            during.setattr(selectors, "log_size", grown)
            state = selectors.log_verify()
    assert state.sound, state.faults
    assert state.size < size_of()
