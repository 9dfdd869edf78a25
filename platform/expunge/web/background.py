"""What pages leave to a worker: the check of the log, and drafts nobody finished.

As in the jobs, a message means "have a look"; the sweep sends again what got lost.
"""

from __future__ import annotations

from celery import shared_task

from expunge.audit.checks import check_carry_out, checks_left
from expunge.jobs import queue
from expunge.web.draft import drafts_forget

CHECK = "expunge.web.background.log_check"


@shared_task(name=CHECK, acks_late=False)
def log_check() -> None:
    """Replay the audit log for everybody who asked."""
    queue.arrived(CHECK)
    check_carry_out()


@shared_task(name="expunge.web.background.sweep", acks_late=False)
def sweep() -> None:
    """Send again what got lost, and forget drafts that are too old."""
    if checks_left().exists():
        queue.enqueue(CHECK)
    drafts_forget()
