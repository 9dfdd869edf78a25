"""Which wording a controller uses for a kind of letter, and how it is changed."""

from __future__ import annotations

from uuid import UUID

from expunge.notices.kinds import NoticeKind
from expunge.notices.letters import Wording, default_wording
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
