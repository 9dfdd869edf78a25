"""Cosigners: who may add a line to the log's checkpoints, and the lines they added.

A cosignature is no entry of the log: it is about the log, and an entry for each would make a
quiet log grow with every look at it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from expunge.audit import checkpoint as notes
from expunge.audit.actions import AuditAction
from expunge.audit.checkpoint import COSIGNATURE, CheckpointError, NoteKey, parse_key
from expunge.audit.continuation import Continuation
from expunge.audit.cosignature import cosigned_at
from expunge.audit.models import Checkpoint, Cosignature, Cosigner
from expunge.audit.selectors import checkpoint_latest, consistency_proof
from expunge.audit.services import SYSTEM, audit_record
from expunge.common.clock import now
from expunge.common.errors import ConflictError, InvalidInputError, NotFoundError


@transaction.atomic
def cosigner_add(*, public: str) -> Cosigner:
    """Let the owner of a key cosign; the key is what ``expunge-cosign init`` printed.

    Raises:
        InvalidInputError: ``cosigner_key_unreadable``.
        ConflictError: ``cosigner_known``.
    """
    try:
        key = parse_key(public, COSIGNATURE)
    except CheckpointError as error:
        raise InvalidInputError("cosigner_key_unreadable", f"{error}.", field="public") from error
    if Cosigner.objects.filter(public=str(key)).exists():
        raise ConflictError("cosigner_known", _("This key is known already."))
    made = Cosigner.objects.create(name=key.name, public=str(key))
    _record(AuditAction.COSIGNER_ADDED, made)
    return made


@transaction.atomic
def cosigner_retire(*, cosigner_id: UUID) -> Cosigner:
    """Take no more lines of a cosigner; what it signed stays.

    Raises:
        NotFoundError: ``cosigner_unknown``.
    """
    found = cosigners_active().select_for_update().filter(pk=cosigner_id).first()
    if found is None:
        raise NotFoundError("cosigner_unknown", _("There is no such cosigner."))
    found.retired_at = now()
    found.save(update_fields=["retired_at"])
    _record(AuditAction.COSIGNER_RETIRED, found)
    return found


def cosignature_record(*, note: str) -> tuple[Cosignature, ...]:
    """Keep the lines that known cosigners put on one of our checkpoints; a known line is no harm.

    Raises:
        InvalidInputError: ``note_unreadable``, ``checkpoint_unknown``, ``cosignature_missing``.
    """
    try:
        size = notes.parse(note).size
    except CheckpointError as error:
        raise InvalidInputError("note_unreadable", f"{error}.", field="note") from error
    checkpoint = Checkpoint.objects.filter(pk=size).first()
    if checkpoint is None or notes.body_of(checkpoint.note) != notes.body_of(note):
        raise InvalidInputError(
            "checkpoint_unknown",
            _("This is no checkpoint of this log. If our key signed it, keep it: it is evidence."),
            field="note",
        )
    found = tuple(item for who in cosigners_active() if (item := _kept(checkpoint, who, note)))
    if not found:
        raise InvalidInputError(
            "cosignature_missing",
            _("No cosigner that is known here has signed this checkpoint."),
            field="note",
        )
    return found


def cosigners_active() -> QuerySet[Cosigner]:
    """Return the cosigners whose lines are taken."""
    return Cosigner.objects.filter(retired_at=None)


@dataclass(frozen=True)
class CosignerStanding:
    """Somebody who watches the log from outside, and what they signed last."""

    name: str
    last: Cosignature | None


def cosigners_shown() -> list[CosignerStanding]:
    """Return the cosigners whose lines are taken, each with its newest line."""
    newest = Cosignature.objects.order_by("cosigner_id", "-checkpoint_id").distinct("cosigner_id")
    lines = {line.cosigner_id: line for line in newest}
    return [CosignerStanding(item.name, lines.get(item.pk)) for item in cosigners_active()]


def continuation_since(size: int) -> Continuation:
    """Return the newest checkpoint and the proof that the log of ``size`` entries became it.

    Raises:
        NotFoundError: ``checkpoint_missing``: none was signed yet, or none of that size or more.
    """
    newest = checkpoint_latest()
    if newest is None or newest.size < size:
        raise NotFoundError(
            "checkpoint_missing", _("No checkpoint of that size was signed yet; ask again later.")
        )
    path = consistency_proof(size, newest.size) if size else []
    return Continuation(size, path, newest.note)


def _kept(checkpoint: Checkpoint, who: Cosigner, note: str) -> Cosignature | None:
    key = parse_key(who.public, COSIGNATURE)
    try:
        signed_at: datetime = cosigned_at(note, key)
    except CheckpointError:
        return None
    kept, _made = Cosignature.objects.get_or_create(
        checkpoint=checkpoint,
        cosigner=who,
        defaults={"line": _line(note, key), "signed_at": signed_at},
    )
    return kept


def _line(note: str, key: NoteKey) -> str:
    """Return the line that a key put on a note."""
    (_, _, signatures) = note.partition("\n\n")
    lines = signatures.splitlines(keepends=True)
    body = note.removesuffix(signatures)
    return next(line for line in lines if any(notes.signatures_of(body + line, key)))


def _record(action: AuditAction, cosigner: Cosigner) -> None:
    audit_record(
        action=action,
        actor=SYSTEM,
        controller_id=None,
        subject={"cosigner": str(cosigner.pk)},
        data={"public": cosigner.public},
    )
