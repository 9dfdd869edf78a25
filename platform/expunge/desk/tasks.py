"""What is left to a worker: long runs over many tickets.

As in the jobs, a message carries an id and means "have a look"; the sweep sends again what got
lost.
"""

from __future__ import annotations

from uuid import UUID

from celery import shared_task

from expunge.desk.runs import RUN, bulk_carry_out, runs_left
from expunge.jobs import queue


@shared_task(name=RUN, acks_late=False)
def bulk_run(run_id: str) -> None:
    """Carry out what is left of a run over many tickets."""
    item = UUID(run_id)
    queue.arrived(RUN, item)
    bulk_carry_out(item)


@shared_task(name="expunge.desk.tasks.runs_sweep", acks_late=False)
def runs_sweep() -> None:
    """Send again what got lost."""
    for run in runs_left():
        queue.enqueue(RUN, run.pk)
