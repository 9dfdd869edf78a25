"""What a person does with a letter: sends it by hand and says so, or has it tried again."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from expunge.accounts.permissions import Actor, Permission
from expunge.audit.actions import AuditAction
from expunge.audit.services import audit_record
from expunge.common.clock import now
from expunge.common.errors import ConflictError, NotAllowedError
from expunge.notices import queue
from expunge.notices.models import Notice, OutboxState
from expunge.notices.retention import ERASED
from expunge.notices.selectors import notice_get

PLATFORM = "system:outbox"


@transaction.atomic
def notice_mark_sent(*, actor: Actor, notice_id: UUID) -> Notice:
    """Record that a letter was sent by hand, by whom and when; its text is erased.

    Raises:
        ConflictError: ``notice_not_by_hand``.
        NotAllowedError: ``permission_missing``, ``person_needed``.
    """
    notice = notice_get(actor, notice_id, lock=True)
    actor.require(Permission.TICKET_REVIEW, notice.controller_id)
    if actor.user is None:
        raise NotAllowedError("person_needed", _("A person must say so."))
    if notice.state != OutboxState.BY_HAND:
        raise ConflictError(
            "notice_not_by_hand", _("This letter does not wait to be sent by hand.")
        )
    _store(notice, {"state": OutboxState.SENT, "ended_at": now(), "sent_by": actor.user, **ERASED})
    notice_audit(AuditAction.NOTICE_SENT_BY_HAND, notice, actor.pseudonym)
    return notice


@transaction.atomic
def notice_retry(*, actor: Actor, notice_id: UUID) -> Notice:
    """Have a failed letter tried again; raises ``notice_not_failed``, ``notice_erased``."""
    notice = notice_get(actor, notice_id, lock=True)
    if notice.state != OutboxState.FAILED:
        raise ConflictError("notice_not_failed", _("This letter has not failed."))
    if notice.body is None:
        raise ConflictError(
            "notice_erased", _("The text of this letter is erased. Write to the person yourself.")
        )
    _store(
        notice,
        {"state": OutboxState.QUEUED, "tries": 0, "due_at": now(), "error": "", "ended_at": None},
    )
    notice_audit(AuditAction.NOTICE_RETRIED, notice, actor.pseudonym)
    queue.enqueue_on_commit(queue.NOTICE_SEND, notice.pk)
    return notice


@transaction.atomic
def notice_take_over(*, actor: Actor, notice_id: UUID) -> Notice:
    """Take a failed letter out of the machine, to send it by hand; raises as a retry does."""
    notice = notice_get(actor, notice_id, lock=True)
    actor.require(Permission.TICKET_REVIEW, notice.controller_id)
    if notice.state != OutboxState.FAILED or notice.body is None:
        raise ConflictError("notice_not_failed", _("This letter has not failed, or is erased."))
    _store(notice, {"state": OutboxState.BY_HAND, "ended_at": None})
    notice_audit(AuditAction.NOTICE_RETRIED, notice, actor.pseudonym, by_hand=True)
    return notice


def notice_audit(action: AuditAction, notice: Notice, who: str = PLATFORM, **data: Any) -> None:
    """Record what became of a letter: its kind and what it was about, not whom it went to."""
    subject = {"notice": str(notice.pk)}
    if notice.ticket_id:
        subject["ticket"] = str(notice.ticket_id)
    audit_record(
        action=action,
        actor=who,
        controller_id=notice.controller_id,
        subject=subject,
        data={"kind": notice.kind, "language": notice.language, **data},
    )


def _store(notice: Notice, columns: dict[str, Any]) -> None:
    for name, value in columns.items():
        setattr(notice, name, value)
    notice.save(update_fields=list(columns))
