"""Reading the log: size, root, proofs, and a check of the whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Max, QuerySet

from expunge.accounts.permissions import Actor, Permission
from expunge.audit import merkle, note
from expunge.audit.keys import checkpoint_verifier_key
from expunge.audit.models import Checkpoint, Leaf, Node


@dataclass(frozen=True)
class LogCheck:
    """What a check of the whole log found; ``problems`` is empty when it holds."""

    size: int
    root: bytes
    checkpoints: int
    problems: tuple[str, ...]


def leaves_visible(actor: Actor) -> QuerySet[Leaf]:
    """Return the leaves of the organisations whose log the actor may read."""
    return Leaf.objects.filter(controller_id__in=actor.controllers(Permission.AUDIT_VIEW))


def leaves_of_ticket(actor: Actor, ticket_id: UUID) -> QuerySet[Leaf]:
    """Return the leaves of one ticket, in order."""
    return leaves_visible(actor).filter(ticket_id=ticket_id)


def log_size() -> int:
    """Return the number of leaves."""
    last = Leaf.objects.aggregate(last=Max("seq"))["last"]
    return 0 if last is None else int(last) + 1


def log_root(size: int) -> bytes:
    """Return the root of the first ``size`` leaves, from stored subtrees."""
    return merkle.range_hash(_subtree, 0, size)


def inclusion_proof(seq: int, size: int) -> list[bytes]:
    """Return the audit path of leaf ``seq`` in the tree of ``size`` leaves."""
    return merkle.inclusion_proof(_subtree, seq, size)


def consistency_proof(old: int, new: int) -> list[bytes]:
    """Return the proof that the log of ``new`` leaves extends that of ``old``."""
    return merkle.consistency_proof(_subtree, old, new)


def latest_checkpoint() -> Checkpoint | None:
    """Return the newest checkpoint."""
    return Checkpoint.objects.first()


def log_verify() -> LogCheck:
    """Recompute everything: gapless numbers, leaf hashes, roots, checkpoint signatures."""
    checkpoints = {item.size: item for item in Checkpoint.objects.all()}
    key = checkpoint_verifier_key()
    problems: list[str] = []
    frontier: list[tuple[int, bytes]] = []
    size = 0
    for leaf in Leaf.objects.order_by("seq").iterator():
        if leaf.seq != size:
            problems.append(f"leaf {size} is missing")
            size = leaf.seq
        digest = merkle.leaf_hash(bytes(leaf.data))
        if digest != bytes(leaf.hash):
            problems.append(f"leaf {leaf.seq} was altered")
        _push(frontier, digest)
        size += 1
        if size in checkpoints:
            problems += _checkpoint_problems(checkpoints.pop(size), _fold(frontier), key)
    problems += [f"the log is shorter than its checkpoint of {old} leaves" for old in checkpoints]
    root = _fold(frontier)
    if size and root != log_root(size):
        problems.append("the stored tree does not match the leaves")
    return LogCheck(size, root, Checkpoint.objects.count(), tuple(problems))


def log_lines() -> Iterator[dict[str, object]]:
    """Yield every leaf as JSON-like data for an auditor's own check."""
    for leaf in Leaf.objects.order_by("seq").iterator():
        yield {"seq": leaf.seq, "data": bytes(leaf.data).decode()}


def _subtree(level: int, index: int) -> bytes:
    return bytes(Node.objects.values_list("hash", flat=True).get(level=level, index=index))


def _push(frontier: list[tuple[int, bytes]], digest: bytes) -> None:
    """Add a leaf's hash to the row of complete subtrees, merging equals from the right."""
    level = 0
    while frontier and frontier[-1][0] == level:
        digest = merkle.node_hash(frontier.pop()[1], digest)
        level += 1
    frontier.append((level, digest))


def _fold(frontier: list[tuple[int, bytes]]) -> bytes:
    """Return the root over a row of complete subtrees."""
    if not frontier:
        return merkle.EMPTY_ROOT
    root = frontier[-1][1]
    for _, digest in reversed(frontier[:-1]):
        root = merkle.node_hash(digest, root)
    return root


def _checkpoint_problems(checkpoint: Checkpoint, root: bytes, key: str) -> list[str]:
    where = f"the checkpoint of {checkpoint.size} leaves"
    try:
        said = note.verify(checkpoint.note, key)
    except note.NoteError as error:
        return [f"{where}: {error}"]
    if (said.size, said.root) != (checkpoint.size, root) or bytes(checkpoint.root) != root:
        return [f"{where} does not match the leaves"]
    return []
