"""Reading the log: sizes, roots, proofs, entries, and whether it all holds together."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import F, Max, QuerySet
from django.db.models.functions import Power
from django.db.models.lookups import LessThanOrEqual
from django.utils.translation import gettext as _

from expunge.accounts.permissions import Actor, Permission
from expunge.audit import merkle
from expunge.audit.actions import AuditAction
from expunge.audit.checkpoint import CheckpointError, NoteKey
from expunge.audit.export import StampedNote
from expunge.audit.handover import keys_told, told_by
from expunge.audit.keys import log_key, log_origin, trust_roots
from expunge.audit.leaves import moment_text
from expunge.audit.models import Checkpoint, Leaf, Node
from expunge.audit.replay import DatedNote, Entry, InnerNode, Replay, columns_fault
from expunge.audit.tokens import TokenError, named_moment, read_roots, token_moment
from expunge.common.errors import NotFoundError

BATCH = 2000
NODES = """
SELECT wanted.level, wanted.index, coalesce(node.hash, leaf.leaf_hash)
FROM unnest(%s::smallint[], %s::bigint[]) AS wanted (level, index)
LEFT JOIN audit_node node ON node.level = wanted.level AND node.index = wanted.index
LEFT JOIN audit_leaf leaf ON wanted.level = 0 AND leaf.seq = wanted.index
"""
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class LogState:
    """The outcome of a verification of the whole log: what was seen, and every fault found."""

    size: int
    root: str
    checkpoints: int
    faults: tuple[str, ...] = field(default=())

    @property
    def sound(self) -> bool:
        """Say whether nothing was found wrong."""
        return not self.faults


def log_size() -> int:
    """Return the number of committed entries."""
    last = Leaf.objects.aggregate(last=Max("seq"))["last"]
    return 0 if last is None else int(last) + 1


def log_root(size: int) -> bytes:
    """Return the root of the first ``size`` entries."""
    return _read(lambda node: merkle.root(node, size))


def inclusion_proof(seq: int, size: int) -> list[bytes]:
    """Return the proof that entry ``seq`` is in the log of that size; raises ``ValueError``."""
    return _read(lambda node: merkle.inclusion_proof(node, seq, size))


def consistency_proof(first: int, second: int) -> list[bytes]:
    """Return the proof that the log only grew from one size to another; raises ``ValueError``."""
    return _read(lambda node: merkle.consistency_proof(node, first, second))


def checkpoint_covering(seq: int) -> Checkpoint | None:
    """Return the first checkpoint that covers an entry, if there is one."""
    return Checkpoint.objects.filter(size__gt=seq).first()


def checkpoint_cosigned_covering(seq: int) -> Checkpoint | None:
    """Return the first checkpoint over an entry that somebody outside has cosigned, if any."""
    return Checkpoint.objects.filter(size__gt=seq, cosignatures__isnull=False).first()


def checkpoint_latest() -> Checkpoint | None:
    """Return the newest checkpoint, if there is one."""
    return Checkpoint.objects.last()


def leaves_of_controllers(controllers: frozenset[UUID]) -> QuerySet[Leaf]:
    """Return the entries of these organisations, newest first."""
    return Leaf.objects.filter(controller_id__in=controllers).order_by("-seq")


def leaf_get(controllers: frozenset[UUID], seq: int) -> Leaf:
    """Return one entry of these organisations; raises ``entry_unknown``."""
    leaf = leaves_of_controllers(controllers).filter(pk=seq).first()
    if leaf is None:
        raise NotFoundError("entry_unknown", _("There is no such entry in the audit log for you."))
    return leaf


def leaves_of_ticket(actor: Actor, ticket_id: UUID) -> QuerySet[Leaf]:
    """Return the entries about one ticket that the actor may read, oldest first."""
    controllers = actor.controllers(Permission.AUDIT_VIEW)
    return Leaf.objects.filter(controller_id__in=controllers, ticket_id=ticket_id)


def entries(size: int) -> Iterator[Entry]:
    """Yield the first ``size`` entries in order, without holding them all in memory."""
    for leaf in Leaf.objects.filter(seq__lt=size).iterator(chunk_size=BATCH):
        yield _entry(leaf)


def stamped_notes(size: int) -> Iterator[StampedNote]:
    """Yield every checkpoint of the log up to a size, with what outsiders added to it."""
    signed = Checkpoint.objects.filter(size__lte=size).prefetch_related("cosignatures")
    for item in signed.iterator(BATCH):
        yield StampedNote(item.note, bytes(item.token), item.cosigner_lines)


def log_keys() -> tuple[NoteKey, ...]:
    """Return every key that the log itself has introduced as its own, with its end."""
    about = Leaf.objects.filter(action__in=[AuditAction.KEY_INTRODUCED, AuditAction.KEY_RETIRED])
    return tuple(key for key in keys_told(told_by(map(_entry, about))) if key.name == log_origin())


def log_key_file() -> str:
    """Return the log's keys as an auditor is given them: one a line, retired ones with their end.

    Before the first checkpoint the log has introduced none; then it is today's key.
    """
    return "".join(f"{key}\n" for key in log_keys() or (log_key(),))


def log_key_published() -> str:
    """Return the keys that the log has introduced, one a line; the site holds no key of its own."""
    return "".join(f"{key}\n" for key in log_keys())


def log_verify() -> LogState:
    """Replay the whole log: no gap, every hash, every inner node, every signed checkpoint.

    Others may append meanwhile. What rests on entries (nodes, checkpoints) is therefore read
    first and the size of the log after it: an honest log holds every entry that these account
    for, and what is appended later is left for the next time.
    """
    faults: list[str] = []
    signed = _dated_notes(faults)
    tree = _tree_size()
    size = log_size()
    if tree > size:
        faults.append("The tree holds more than the entries account for.")
    keys: tuple[NoteKey, ...] = ()
    try:
        keys = log_keys()
    except CheckpointError as error:
        faults.append(f"The log does not say which keys are its own: {error}.")
    replay = Replay(signed, keys)
    stored = _nodes_as_completed(size)
    for leaf in Leaf.objects.filter(seq__lt=size).iterator(chunk_size=BATCH):
        made = replay.add(_entry(leaf))
        if made != list(islice(stored, len(made))):
            faults.append(f"The tree above entry {leaf.seq} was altered.")
        faults.append(_columns_fault(leaf))
    if next(stored, None) is not None:
        faults.append("The tree holds nodes that no entry completes.")
    faults = [*replay.finish(), *filter(None, faults)]
    return LogState(replay.size, replay.root().hex(), replay.checkpoints, tuple(faults))


def _dated_notes(faults: list[str]) -> list[DatedNote]:
    """Return every checkpoint with the moment of its timestamp; no stored date is believed.

    Where the roots are at hand the timestamp must be of an authority under them. Elsewhere it must
    be of this checkpoint, and who made it is for those to see who hold the roots.
    """
    roots = read_roots(trust_roots()) if settings.EXPUNGE_MAY_SIGN else None
    found = []
    for checkpoint in Checkpoint.objects.order_by("size"):
        note, token = checkpoint.note, bytes(checkpoint.token)
        moment = None
        try:
            stamped = note.encode()
            moment = token_moment(token, stamped, roots) if roots else named_moment(token, stamped)
        except TokenError as error:
            faults.append(f"The timestamp over the first {checkpoint.size} entries {error}.")
        found.append(DatedNote(note, moment))
    return found


def _entry(leaf: Leaf) -> Entry:
    return Entry(leaf.seq, bytes(leaf.data), bytes(leaf.leaf_hash))


_COMPLETED = (F("index") + 1) * Power(2, F("level"))
"""The size of the log that completes an inner node."""


def _tree_size() -> int:
    """Return how many entries the stored inner nodes account for."""
    last = Node.objects.aggregate(last=Max(_COMPLETED))["last"]
    return 0 if last is None else int(last)


def _nodes_as_completed(size: int) -> Iterator[InnerNode]:
    """Yield the inner nodes in the order in which a log that grows to a size completes them."""
    rows = Node.objects.alias(completed=_COMPLETED).filter(LessThanOrEqual(_COMPLETED, size))
    for row in rows.order_by("completed", "level").iterator(chunk_size=BATCH):
        yield InnerNode(row.level, row.index, bytes(row.hash))


def _columns_fault(leaf: Leaf) -> str:
    try:
        entry = json.loads(bytes(leaf.data))
        ticket = entry["subject"].get("ticket")
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"Entry {leaf.seq} is not readable."
    columns = {
        "action": leaf.action,
        "occurred_at": moment_text(leaf.occurred_at),
        "controller": str(leaf.controller_id) if leaf.controller_id else None,
        "actor": leaf.actor,
        "role": leaf.role,
        "ticket": str(leaf.ticket_id) if leaf.ticket_id else None,
    }
    return columns_fault({**entry, "ticket": ticket}, columns, leaf.seq)


def _read(ask: Callable[[merkle.Node], Answer]) -> Answer:
    """Return what is computed from nodes of the tree, all of them read at once.

    It is computed twice: the first time with empty hashes, to learn which nodes it takes.
    """
    wanted: dict[tuple[int, int], bytes] = {}
    ask(lambda level, index: wanted.setdefault((level, index), b""))
    Leaf.objects.all()  # what the present transaction has recorded so far is appended first
    with connection.cursor() as cursor:
        cursor.execute(NODES, [[level for level, _ in wanted], [index for _, index in wanted]])
        found = {(level, index): bytes(value) for level, index, value in cursor.fetchall()}
    return ask(lambda level, index: found[level, index])
