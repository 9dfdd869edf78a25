"""What waits for a person besides tickets: each with its count and where it is done."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import reverse
from django.utils.translation import ngettext

from expunge.accounts.permissions import Actor, Permission
from expunge.notices.models import OutboxState
from expunge.notices.selectors import notices_by_hand
from expunge.registry.suppression import alerts_undecided
from expunge.subjects.kinds import IntakeStanding
from expunge.subjects.selectors import intakes_for
from expunge.tickets.exemptions import exemptions_overdue
from expunge.tickets.recipient_notices import recipient_notices


@dataclass(frozen=True)
class Duty:
    """So many things of one kind, in words, and where they are."""

    count: int
    text: str
    address: str


def duties(actor: Actor) -> tuple[Duty, ...]:
    """Return what this actor may do and nobody has done yet; a few counts, whatever waits."""
    return tuple(duty for duty in (*_received(actor), *_reviewed(actor)) if duty.count)


def _received(actor: Actor) -> Iterator[Duty]:
    count = intakes_for(actor).filter(standing=IntakeStanding.WAITING).order_by().count()
    text = ngettext("request waits to be read", "requests wait to be read", count)
    yield Duty(count, text, reverse("web:intakes"))


def _reviewed(actor: Actor) -> Iterator[Duty]:
    mine = actor.controllers(Permission.TICKET_REVIEW)
    if not mine:
        return
    count = alerts_undecided(actor).order_by().count()
    text = ngettext("alert waits for a decision", "alerts wait for a decision", count)
    yield Duty(count, text, reverse("web:alerts"))
    count = notices_by_hand(actor).order_by().count()
    text = ngettext("letter is to be sent by hand", "letters are to be sent by hand", count)
    yield Duty(count, text, f"{reverse('web:outbox')}?state={OutboxState.BY_HAND}")
    told = recipient_notices(actor, open_only=True).filter(ticket__controller_id__in=mine)
    count = told.order_by().count()
    text = ngettext("recipient has not answered", "recipients have not answered", count)
    yield Duty(count, text, reverse("web:recipients"))
    due = exemptions_overdue(actor).filter(ticket__controller_id__in=mine)
    count = due.order_by().count()
    text = ngettext(
        "exemption is due to be looked at again", "exemptions are due to be looked at again", count
    )
    yield Duty(count, text, f"{reverse('web:holds')}#due")
