"""What a person can do by their link, whether a ticket was made of their request or not yet."""

from __future__ import annotations

from uuid import UUID

from django.utils.translation import gettext as _

from expunge.certificates.selectors import certificate_pdf, certificates_of
from expunge.common.errors import ConflictError, NotFoundError
from expunge.subjects.access import PERSON
from expunge.subjects.identity import identity_code_enter, identity_code_send
from expunge.subjects.intake import intake_withdraw
from expunge.subjects.intake_codes import intake_code_enter, intake_code_send
from expunge.subjects.models import StatusLink
from expunge.tickets.services import ticket_withdraw


def code_enter(link: StatusLink, code: str) -> None:
    """Try a code."""
    if link.ticket_id:
        identity_code_enter(actor=PERSON, ticket_id=link.ticket_id, code=code)
    else:
        intake_code_enter(intake_id=_intake(link), code=code)


def code_send(link: StatusLink) -> None:
    """Have another code sent."""
    if link.ticket_id:
        identity_code_send(actor=PERSON, ticket_id=link.ticket_id)
    else:
        intake_code_send(intake_id=_intake(link))


def withdraw(link: StatusLink) -> None:
    """Withdraw the request."""
    if link.ticket_id:
        ticket_withdraw(actor=PERSON, ticket_id=link.ticket_id, reason="by_person")
    else:
        intake_withdraw(actor=PERSON, intake_id=_intake(link))


def document(link: StatusLink, certificate_id: UUID) -> tuple[bytes, str]:
    """Return a document of the link's own ticket, with its name; raises ``certificate_unknown``."""
    found = (
        certificates_of(PERSON, link.ticket).filter(pk=certificate_id).first()
        if link.ticket
        else None
    )
    if found is None:
        raise NotFoundError("certificate_unknown", _("There is no such document for you."))
    return certificate_pdf(found), f"{found.number}.pdf"


def _intake(link: StatusLink) -> UUID:
    if link.intake_id is None:
        raise ConflictError("link_unknown", _("Open the link of our letter again."))
    return link.intake_id
