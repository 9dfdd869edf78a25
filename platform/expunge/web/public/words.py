"""Where a request stands, in words for the person who made it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from expunge.subjects.kinds import IntakeStanding
from expunge.tickets.models import Outcome
from expunge.tickets.states import TicketState

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

S = TicketState


@dataclass(frozen=True)
class Standing:
    """Where it stands, what happens next, and the tone of the mark."""

    title: StrOrPromise
    next: StrOrPromise
    tone: str = "busy"


_AT_WORK = Standing(
    _("We are removing the data"),
    _(
        "The models that learned from the data are changed. Then we try to get the data out of "
        "them again, to see whether it worked. You need not do anything."
    ),
)
_ALMOST = Standing(
    _("Removed and tested"),
    _("The tests have passed. The certificate is being written; you will hear from us."),
)
STANDINGS: Mapping[str, Standing] = {
    S.RECEIVED: Standing(_("Received"), _("We will look at your request.")),
    S.IDENTITY_PENDING: Standing(
        _("Waiting for you"),
        _("Please show us that the request is yours. Without this we cannot act on it."),
        "warn",
    ),
    S.UNDER_REVIEW: Standing(
        _("Being examined"),
        _("A person examines your request. You need not do anything."),
    ),
    S.AWAITING_APPROVAL: Standing(
        _("Being examined"),
        _("One person has examined your request; a second one decides. You need not do anything."),
    ),
    S.APPROVED: _AT_WORK,
    S.IN_PROGRESS: _AT_WORK,
    S.VERIFIED: _ALMOST,
    S.CERTIFIED: _ALMOST,
    S.VERIFICATION_FAILED: Standing(
        _("The first try was not enough"),
        _("Our tests could still find traces. We decide how to go on, and will tell you."),
        "warn",
    ),
    S.CONTAINED: Standing(
        _("Held back, not yet removed"),
        _(
            "The models are kept from giving out the data, but traces may remain inside them. "
            "We will tell you how it goes on."
        ),
        "warn",
    ),
    S.ON_HOLD: Standing(
        _("On hold"),
        _("A legal duty keeps us from erasing for now. When it ends, we go on by ourselves."),
        "warn",
    ),
    S.REJECTED: Standing(
        _("Declined"),
        _("We wrote to you why, and what you can do about it."),
        "bad",
    ),
    S.WITHDRAWN: Standing(
        _("Withdrawn"), _("The request has ended. You may make a new one at any time."), "still"
    ),
    S.EXPIRED: Standing(
        _("Ended without proof of identity"),
        _("Nobody showed us in time whose request it was. You may make a new one at any time."),
        "still",
    ),
}
OUTCOMES: Mapping[str, Standing] = {
    Outcome.CERTIFIED: Standing(
        _("Done"),
        _("The data was removed and the result was tested. You find the certificate below."),
        "good",
    ),
    Outcome.NOT_VERIFIED: Standing(
        _("Ended, not shown"),
        _("We could not show that the data is gone. We wrote to you what this means."),
        "bad",
    ),
    Outcome.NOTHING_HELD: Standing(
        _("Done: nothing to remove"),
        _("By our records, none of our models learned from the data in question."),
        "good",
    ),
    Outcome.EXEMPT: Standing(
        _("Ended: the law lets us keep it"),
        _("What our models hold is exempt from erasure. We wrote to you why."),
        "still",
    ),
}
INTAKE: Mapping[str, Standing] = {
    IntakeStanding.WAITING: Standing(
        _("Received"),
        _(
            "A person will read your message and open a request from it. The time the law gives "
            "us runs already."
        ),
    ),
    IntakeStanding.DECLINED: Standing(
        _("No request was opened"), _("We wrote to you why. You may write to us again."), "still"
    ),
    IntakeStanding.WITHDRAWN: STANDINGS[S.WITHDRAWN],
}


def standing_of(state: str, outcome: str) -> Standing:
    """Return how a ticket's state is told to its person."""
    return OUTCOMES[outcome] if outcome else STANDINGS[state]
