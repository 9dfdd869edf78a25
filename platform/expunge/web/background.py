"""What pages leave to a worker: long runs, the check of the log, and drafts nobody finished.

As in the jobs, a message carries at most one id and means "have a look"; the sweep sends again
what got lost.
"""

from __future__ import annotations

from uuid import UUID

from celery import shared_task

from expunge.audit.checks import check_carry_out, checks_left
from expunge.jobs import queue
from expunge.web.bulk import RUN, bulk_carry_out, runs_left
from expunge.web.draft import drafts_forget

CHECK = "expunge.web.background.log_check"


@shared_task(name=RUN, acks_late=False)
def bulk_run(run_id: str) -> None:
    """Carry out what is left of a run over many tickets."""
    item = UUID(run_id)
    queue.arrived(RUN, item)
    bulk_carry_out(item)


@shared_task(name=CHECK, acks_late=False)
def log_check() -> None:
    """Replay the audit log for everybody who asked."""
    queue.arrived(CHECK)
    check_carry_out()


@shared_task(name="expunge.web.background.sweep", acks_late=False)
def sweep() -> None:
    """Send again what got lost, and forget drafts that are too old."""
    for run in runs_left():
        queue.enqueue(RUN, run.pk)
    if checks_left().exists():
        queue.enqueue(CHECK)
    drafts_forget()
