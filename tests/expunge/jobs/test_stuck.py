"""Tickets whose work should go on by itself but does not."""

from __future__ import annotations

from datetime import timedelta

import pytest

from expunge.common.clock import now
from expunge.jobs.conclusion import batch_acquire
from expunge.jobs.models import Attempt, Batch
from expunge.jobs.selectors import tickets_stuck
from expunge.jobs.services import jobs_plan
from expunge.tickets.models import Ticket, TicketMove
from tests.expunge.factories import People

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.broker]
HOURS = timedelta(hours=3)


def age(ticket: Ticket) -> None:
    """Let hours pass in which nothing happened."""
    long_ago = now() - HOURS
    TicketMove.objects.filter(ticket=ticket).update(created_at=long_ago)
    Attempt.objects.filter(job__ticket=ticket).update(created_at=long_ago)


def test_who_has_not_moved_for_long_is_stuck(approved: Ticket, cast: People) -> None:
    jobs_plan(ticket_id=approved.pk)
    assert not tickets_stuck(cast.alice)
    age(approved)
    assert list(tickets_stuck(cast.alice)) == [approved]
    assert not tickets_stuck(cast.mallory)


def test_who_has_a_worker_is_not(approved: Ticket, cast: People) -> None:
    jobs_plan(ticket_id=approved.pk)
    assert batch_acquire(Batch.objects.get().pk) is not None
    age(approved)
    assert not tickets_stuck(cast.alice)


def test_who_loses_worker_after_worker_is(approved: Ticket, cast: People) -> None:
    jobs_plan(ticket_id=approved.pk)
    assert batch_acquire(Batch.objects.get().pk) is not None
    Batch.objects.update(token=5)
    assert list(tickets_stuck(cast.alice)) == [approved]


def test_who_waits_for_company_is_not(approved: Ticket, cast: People, settings: object) -> None:
    settings.EXPUNGE_BATCH_WINDOW_SECONDS = 3600  # type: ignore[attr-defined]
    jobs_plan(ticket_id=approved.pk)
    age(approved)
    assert Batch.objects.get().state == "open"
    assert not tickets_stuck(cast.alice)
