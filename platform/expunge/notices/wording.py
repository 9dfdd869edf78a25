"""Which wording a controller uses for a kind of letter, and how it is changed."""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from expunge.accounts.permissions import Actor, Permission, controller_for
from expunge.audit.actions import AuditAction
from expunge.audit.services import audit_record
from expunge.common.errors import ConflictError, InvalidInputError
from expunge.notices.kinds import Language, NoticeKind
from expunge.notices.letters import Wording, default_wording, wording_check
from expunge.notices.models import NoticeTemplate


def wording_of(controller_id: UUID, kind: NoticeKind, language: str) -> Wording:
    """Return the wording in force: the controller's own, or the platform's."""
    own = (
        NoticeTemplate.objects.filter(controller_id=controller_id, kind=kind, language=language)
        .order_by("-number")
        .first()
    )
    if own is None or own.is_default:
        return default_wording(kind, language)
    return Wording(own.subject, own.body)


@transaction.atomic
def template_save(  # noqa: PLR0913 - a wording is saved once, whole
    *, actor: Actor, controller_id: UUID, kind: str, language: str, subject: str, body: str
) -> NoticeTemplate:
    """Give a controller a wording of its own; every earlier state is kept.

    Raises:
        InvalidInputError: ``kind_unknown``, ``language_unknown``, and as
            :func:`expunge.notices.letters.wording_check`.
        ConflictError: ``wording_unchanged``.
    """
    controller_for(actor, Permission.ADMINISTER, controller_id)
    item = kind_named(kind)
    wording = Wording(subject.strip(), body.replace("\r\n", "\n").strip() + "\n")
    wording_check(item, wording)
    if wording_of(controller_id, item, language_named(language)) == wording:
        raise ConflictError("wording_unchanged", _("The text is as it was."))
    return _store(
        AuditAction.NOTICE_TEMPLATE_CHANGED,
        actor,
        NoticeTemplate(
            controller_id=controller_id,
            kind=item,
            language=language,
            subject=wording.subject,
            body=wording.body,
        ),
    )


@transaction.atomic
def template_reset(
    *, actor: Actor, controller_id: UUID, kind: str, language: str
) -> NoticeTemplate:
    """Go back to the platform's own wording; raises ``wording_unchanged``."""
    controller_for(actor, Permission.ADMINISTER, controller_id)
    item = kind_named(kind)
    if wording_of(controller_id, item, language_named(language)) == default_wording(item, language):
        raise ConflictError("wording_unchanged", _("This is the platform's own text already."))
    return _store(
        AuditAction.NOTICE_TEMPLATE_RESET,
        actor,
        NoticeTemplate(controller_id=controller_id, kind=item, language=language, is_default=True),
    )


def kind_named(kind: str) -> NoticeKind:
    """Return a kind of letter by its name; raises ``kind_unknown``."""
    if kind not in NoticeKind.values:
        raise InvalidInputError("kind_unknown", _("There is no such letter."), field="kind")
    return NoticeKind(kind)


def language_named(language: str) -> Language:
    """Return a language by its code; raises ``language_unknown``."""
    if language not in Language.values:
        raise InvalidInputError(
            "language_unknown", _("Letters are not written in this language."), field="language"
        )
    return Language(language)


def _store(action: AuditAction, actor: Actor, row: NoticeTemplate) -> NoticeTemplate:
    before = NoticeTemplate.objects.filter(
        controller_id=row.controller_id, kind=row.kind, language=row.language
    ).aggregate(last=Max("number"))
    row.number = (before["last"] or 0) + 1
    row.author = actor.user
    row.save()
    data: dict[str, Any] = {"kind": row.kind, "language": row.language, "number": row.number}
    if not row.is_default:
        text = f"{row.subject}\n{row.body}".encode()
        data["text"] = f"sha256:{hashlib.sha256(text).hexdigest()}"
    audit_record(
        action=action,
        actor=actor.pseudonym,
        controller_id=row.controller_id,
        subject={"notice_template": str(row.pk)},
        data=data,
    )
    return row
