"""What the person, and the systems of the organisation, are told about a ticket.

Called inside the transaction of the change and before the ticket's key is shredded: a letter is
written out from the payload while it can still be read, and lies in the outbox until it is sent.
A letter that cannot be written holds up nobody: it is kept as failed, for all to see.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.db import transaction
from django.utils import translation
from django.utils.formats import date_format

from expunge.notices.kinds import EventKind, Language, NoticeKind
from expunge.notices.services import event_emit, is_heard, mail_send, notice_unwritten
from expunge.registry.models import ScopeNode
from expunge.tickets.citations import cited
from expunge.tickets.models import Outcome, Ticket
from expunge.tickets.payload import TicketPayload, payload_decrypt
from expunge.tickets.reasons import ExtensionReason, UnverifiedReason, WithdrawalReason
from expunge.tickets.recipient_notices import recipients_tell
from expunge.tickets.regimes import regime_named
from expunge.tickets.states import TicketState

logger = logging.getLogger(__name__)

DATES: Mapping[str, str] = {Language.ENGLISH: "j F Y", Language.GERMAN: "j. F Y"}
GERMAN_SPEAKING = frozenset({"DE", "AT", "LI"})
CLOSINGS: Mapping[str, NoticeKind] = {
    Outcome.CERTIFIED: NoticeKind.COMPLETION,
    Outcome.NOT_VERIFIED: NoticeKind.FAILURE,
    Outcome.NOTHING_HELD: NoticeKind.NOTHING_HELD,
    Outcome.EXEMPT: NoticeKind.REFUSAL,
}
ENDINGS: Mapping[TicketState, NoticeKind] = {
    TicketState.REJECTED: NoticeKind.REFUSAL,
    TicketState.WITHDRAWN: NoticeKind.WITHDRAWAL,
    TicketState.EXPIRED: NoticeKind.EXPIRY,
}
LinkMaker = Callable[[Ticket], str]
_link_makers: list[LinkMaker] = []


@dataclass(frozen=True)
class Told:
    """Why something happened: a code, and the words meant for the person."""

    code: str = ""
    text: str = field(default="", repr=False)


def status_links_from(make: LinkMaker) -> None:
    """Have letters carry the secret link that ``make`` returns for a ticket; empty for none.

    The room that keeps the status pages lies above this one and says so when it is ready.
    """
    _link_makers[:] = [make]


def person_of(ticket: Ticket) -> TicketPayload | None:
    """Return whom to write to, while the ticket's payload can still be read."""
    return payload_decrypt(ticket)


def tell_filed(ticket: Ticket, person: TicketPayload) -> None:
    """Confirm the receipt of a request."""
    _letter(ticket, NoticeKind.ACKNOWLEDGEMENT, person, Told())
    _event(ticket, EventKind.TICKET_FILED, {"regime": ticket.regime, "due_on": _day(ticket, "due")})


def tell_moved(
    ticket: Ticket, source: TicketState, person: TicketPayload | None, why: Told
) -> None:
    """Tell that a ticket moved: the systems always, the person when it has ended.

    ``person`` was read before the move, which may have emptied the payload.
    """
    kind = ENDINGS.get(TicketState(ticket.state))
    if ticket.state == TicketState.CLOSED:
        kind = CLOSINGS.get(str(ticket.outcome))
    if kind is not None:
        _letter(ticket, kind, person, why)
    if ticket.state == TicketState.CLOSED and ticket.outcome == Outcome.CERTIFIED:
        _tell_recipients(ticket)
    moved = {"from": str(source), "to": str(ticket.state), "outcome": str(ticket.outcome)}
    _event(ticket, EventKind.TICKET_MOVED, {**moved, "reason": why.code})


def tell_extended(ticket: Ticket, why: Told) -> None:
    """Tell the person the new deadline and the reasons; the caller is inside the first period."""
    _letter(ticket, NoticeKind.EXTENSION, person_of(ticket), why)
    _event(ticket, EventKind.TICKET_EXTENDED, {"reason": why.code, "due_on": _day(ticket, "due")})


@contextmanager
def _harmless(ticket: Ticket, kind: NoticeKind | None) -> Iterator[None]:
    """Undo and record what fails inside; the move of the ticket goes on."""
    try:
        with transaction.atomic():
            yield
    except Exception as error:  # noqa: BLE001 - whatever is wrong with a letter, the move goes on
        # No trace: it may quote data.
        logger.error("Telling of ticket %s failed: %s", ticket.pk, type(error).__name__)  # noqa: TRY400
        if kind is not None:
            notice_unwritten(
                kind=kind,
                controller_id=ticket.controller_id,
                language=Language.ENGLISH,
                ticket_id=ticket.pk,
            )


def _tell_recipients(ticket: Ticket) -> None:
    nodes = ScopeNode.objects.filter(ticket_scopes__ticket=ticket).select_related("dataset")
    with _harmless(ticket, NoticeKind.RECIPIENT):
        recipients_tell(ticket, nodes)


def _letter(ticket: Ticket, kind: NoticeKind, person: TicketPayload | None, why: Told) -> None:
    if person is None or not _is_told(ticket, kind, person):
        return
    language = _language(ticket, person)
    with _harmless(ticket, kind), translation.override(language):
        mail_send(
            kind=kind,
            controller_id=ticket.controller_id,
            recipient=person.contact,
            language=language,
            context=_values(ticket, kind, person, why),
            ticket_id=ticket.pk,
        )


def _is_told(ticket: Ticket, kind: NoticeKind, person: TicketPayload) -> bool:
    """Say whether this letter is written: by what is known of the person, or by a duty to tell.

    Where the law wants the person told and no contact is known, somebody must find one: such a
    letter is written to be sent by hand.
    """
    duties = {str(duty.kind): duty.citation for duty in regime_named(ticket.regime).notices}
    return bool(person.contact.strip() or duties.get(kind.value))


def _values(
    ticket: Ticket, kind: NoticeKind, person: TicketPayload, why: Told
) -> Mapping[str, str]:
    regime = regime_named(ticket.regime)
    rule = regime.clock(ticket.ground)
    return {
        "organisation": ticket.controller.name,
        "person": person.subject_name,
        "reference": ticket.reference,
        "received_on": day_written(ticket.clock["received_on"]),
        "due_on": day_written(ticket.clock["due"]),
        "law": str(regime.title),
        "reason": _reason(ticket, kind, why.code),
        "explanation": why.text if kind in {NoticeKind.REFUSAL, NoticeKind.EXTENSION} else "",
        "citation": cited(rule.extension.citation),
        "remedy": str(regime.remedy),
        "status_link": "".join(make(ticket) for make in _link_makers),
    }


def _reason(ticket: Ticket, kind: NoticeKind, code: str) -> str:
    """Return the reason in words, with the rule it rests on."""
    if kind is NoticeKind.REFUSAL:
        refusals = regime_named(ticket.regime).refusals
        found = next((f"{r.label} ({cited(r.citation)})" for r in refusals if r.code == code), "")
        return found or ticket.get_outcome_display() or code
    choices: Mapping[NoticeKind, Any] = {
        NoticeKind.EXTENSION: ExtensionReason,
        NoticeKind.WITHDRAWAL: WithdrawalReason,
        NoticeKind.FAILURE: UnverifiedReason,
    }
    return str(dict(choices[kind].choices).get(code, code)) if kind in choices else ""


def _language(ticket: Ticket, person: TicketPayload) -> str:
    """Return the person's language, else the one spoken where the controller is."""
    if person.language in Language.values:
        return person.language
    german = ticket.controller.country in GERMAN_SPEAKING
    return str(Language.GERMAN if german else Language.ENGLISH)


def day_written(day: str) -> str:
    """Return a day as a letter in the active language writes it."""
    return date_format(date.fromisoformat(day), DATES[translation.get_language() or "en"])


def _day(ticket: Ticket, name: str) -> str:
    return str(ticket.clock[name])


def _event(ticket: Ticket, kind: EventKind, data: Mapping[str, str]) -> None:
    if not is_heard(kind, ticket.controller_id):
        return
    with _harmless(ticket, None):
        event_emit(
            kind=kind,
            controller_id=ticket.controller_id,
            subject={"ticket": str(ticket.pk)},
            data={"reference": ticket.reference, **data},
        )
