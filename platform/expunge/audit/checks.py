"""Checks of the whole log: asked for by a person, carried out beside the pages.

A replay reads every entry, which takes minutes on a log of years; no request waits for that.
"""

from __future__ import annotations

from django.db import transaction
from django.db.models import QuerySet

from expunge.audit.models import LogCheck
from expunge.audit.selectors import log_verify
from expunge.common.clock import now

MOST_FAULTS = 100


@transaction.atomic
def check_ask(*, actor: str) -> LogCheck:
    """Note that the log is to be checked; one that waits already is taken."""
    waiting = checks_left().first()
    return waiting or LogCheck.objects.create(asked_by=actor)


def check_carry_out() -> None:
    """Replay the log once and answer every check that was asked for before it began."""
    with transaction.atomic():
        waiting = list(checks_left().select_for_update(skip_locked=True))
        if not waiting:
            return
        state = log_verify()
        for check in waiting:
            check.size, check.root, check.checkpoints = state.size, state.root, state.checkpoints
            check.faults = list(state.faults[:MOST_FAULTS])
            check.ended_at = now()
            check.save()


def check_latest() -> LogCheck | None:
    """Return the check asked for last, if there ever was one."""
    return LogCheck.objects.first()


def checks_left() -> QuerySet[LogCheck]:
    """Return the checks that are not over."""
    return LogCheck.objects.filter(ended_at=None)
