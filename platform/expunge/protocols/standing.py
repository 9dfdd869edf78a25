"""Where a request stands, in our words and in those of each protocol: one table.

Pure functions of the intake request and its ticket.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from expunge.subjects.kinds import DeclineReason, IntakeStanding
from expunge.subjects.models import IntakeRequest
from expunge.tickets.models import Outcome, Ticket, TicketMove
from expunge.tickets.states import TicketState

S = TicketState
OPEN, VERIFY, WORKING, DONE, REVOKED = "open", "verify", "working", "done", "revoked"
DENIED = "denied"
FRAUD, UNVERIFIED, NO_MATCH = "suspected_fraud", "insuf_verification", "no_match"
NOT_COVERED, TOO_MANY, OTHER = "claim_not_covered", "too_many_requests", "other"

DECLINED: Mapping[str, str] = {
    DeclineReason.NOT_OURS: NO_MATCH,
    DeclineReason.ABUSE: FRAUD,
    DeclineReason.NOT_A_DELETION: NOT_COVERED,
}
REFUSED: Mapping[str, str] = {"identity_not_shown": UNVERIFIED, "unfounded": TOO_MANY}
"""Refusals of every regime that the DRP has a word for; all others rest on the law."""
ENDED: Mapping[str, tuple[str, str]] = {
    Outcome.CERTIFIED: (DONE, ""),
    Outcome.NOTHING_HELD: (DONE, ""),
    Outcome.EXEMPT: (DENIED, NOT_COVERED),
    Outcome.NOT_VERIFIED: (DENIED, OTHER),
}
DETAILS: Mapping[str, str] = {
    str(Outcome.CERTIFIED): "The deletion was verified and certified.",
    str(Outcome.NOTHING_HELD): "No model holds data of this person.",
    str(Outcome.EXEMPT): "What the models hold is exempt from deletion by law.",
    str(Outcome.NOT_VERIFIED): "The deletion was carried out and could not be verified.",
}


@dataclass(frozen=True)
class Standing:
    """Where a request stands: a word, a reason for a denial, and a sentence without a name."""

    word: str
    reason: str = ""
    details: str = ""

    @property
    def code(self) -> str:
        """Return one word for both, by which a change is noticed."""
        return f"{self.word}/{self.reason}" if self.reason else self.word

    @property
    def is_final(self) -> bool:
        """Say whether nothing more will happen by itself."""
        return self.word in {DONE, REVOKED, DENIED}


def standing_of(intake: IntakeRequest) -> Standing:
    """Return where a request stands now."""
    if intake.ticket is not None:
        return _of_ticket(intake.ticket)
    if intake.standing == IntakeStanding.DECLINED:
        return Standing(DENIED, DECLINED.get(intake.reason, OTHER))
    if intake.standing == IntakeStanding.WITHDRAWN:
        return Standing(REVOKED)
    return Standing(OPEN)


def _of_ticket(ticket: Ticket) -> Standing:
    state = TicketState(ticket.state)
    if state in {S.RECEIVED, S.IDENTITY_PENDING}:
        return Standing(VERIFY)
    if state is S.WITHDRAWN:
        return Standing(REVOKED)
    if state is S.EXPIRED:
        return Standing(DENIED, UNVERIFIED)
    if state is S.REJECTED:
        return Standing(DENIED, REFUSED.get(_last_reason(ticket), NOT_COVERED))
    if state is S.CLOSED:
        word, reason = ENDED[ticket.outcome]
        return Standing(word, reason, DETAILS[ticket.outcome])
    details = "The deadline was extended." if ticket.clock.get("extension") else ""
    return Standing(WORKING, details=details)


def _last_reason(ticket: Ticket) -> str:
    move = TicketMove.objects.filter(ticket=ticket, target=ticket.state).last()
    return move.reason if move else ""
