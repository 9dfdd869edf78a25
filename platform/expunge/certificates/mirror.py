"""A mirror of somebody's audit log: an export, verified whole, in an empty database.

For an auditor who wants to search and to prove: the entries get the numbers, hashes and tree they
had, by the same function that appends, so every checkpoint of the original fits the mirror too.
A mirror does not sign (``EXPUNGE_MAY_SIGN=0``), so nothing is added to it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.db import connection, transaction

from expunge.audit.checkpoint import parse
from expunge.audit.export import StampedNote, read_export
from expunge.audit.models import Checkpoint, Leaf
from expunge.audit.replay import Entry
from expunge.audit.selectors import log_root
from expunge.audit.tokens import token_moment
from expunge.certificates.offline.other import verify_log
from expunge.certificates.offline.trust import Trust
from expunge.common.errors import ConflictError, InvalidInputError

APPEND = "SELECT audit_append(%s, %s, %s, %s, %s, %s, %s)"
BATCH = 1000


@transaction.atomic
def log_import(*, export: Path, trust: Trust, checkpoints: Sequence[str] = ()) -> int:
    """Take over a whole log, or nothing; returns how many entries it has.

    Raises:
        ConflictError: ``log_not_empty``: this database has a log already.
        InvalidInputError: ``log_not_whole``: the export does not hold, with the verifier's words.
    """
    if Leaf.objects.exists():
        raise ConflictError("log_not_empty", "A log is imported into an empty database only.")
    found = verify_log(export, trust, checkpoints)
    if not found.holds:
        raise InvalidInputError("log_not_whole", found.sentence, field="export")
    count, waiting = 0, []
    for item in read_export(export):
        if isinstance(item, Entry):
            waiting.append(_columns(item))
            count += 1
        if len(waiting) == BATCH:
            _append(waiting)
    _append(waiting)
    notes = [item for item in read_export(export) if isinstance(item, StampedNote)]
    Checkpoint.objects.bulk_create(_checkpoint(item, trust) for item in notes)
    newest = max((parse(item.note) for item in notes), key=lambda item: item.size, default=None)
    if newest is not None and log_root(newest.size) != newest.root:
        raise InvalidInputError("log_not_whole", "The tree came out otherwise.", field="export")
    return count


def _append(waiting: list[tuple[Any, ...]]) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(APPEND, waiting)
    waiting.clear()


def _columns(entry: Entry) -> tuple[Any, ...]:
    said = json.loads(entry.data)
    return (
        entry.data,
        said["action"],
        said["occurred_at"],
        said["controller"],
        said["actor"],
        said["role"],
        said["subject"].get("ticket"),
    )


def _checkpoint(item: StampedNote, trust: Trust) -> Checkpoint:
    moment = token_moment(item.token, item.note.encode(), trust.roots)
    return Checkpoint(
        size=parse(item.note).size, note=item.note, token=item.token, signed_at=moment
    )
