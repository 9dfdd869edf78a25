"""The Celery tasks. A message carries at most one id and means "have a look".

Every task may arrive late, twice or never: what is to be done is read from Postgres, and the
sweep sends again what got lost. So messages are acknowledged when they arrive, not when the work
is done: nothing hangs on the broker's visibility timeout, and a broker that goes away during a
long attempt finds no message to restore.
"""

from __future__ import annotations

import logging
from typing import Any
from uuid import UUID

from celery import shared_task
from celery.signals import worker_ready

from expunge.audit.services import checkpoint_renew
from expunge.audit.timestamps import TimestampUnavailableError
from expunge.certificates.supersession import REPLACE, supersession_carry_out
from expunge.common.signers import KeyUnavailableError
from expunge.jobs import queue
from expunge.jobs.certification import ticket_certify as certify
from expunge.jobs.execution import batch_execute
from expunge.jobs.facts import facts_anew
from expunge.jobs.review_execution import review_execute
from expunge.jobs.services import jobs_plan
from expunge.jobs.sweep import sweep

logger = logging.getLogger(__name__)


@shared_task(name=queue.TICKET_START, acks_late=False)
def ticket_start(ticket_id: str) -> None:
    """Plan the jobs of a ticket and start them."""
    item = UUID(ticket_id)
    queue.arrived(queue.TICKET_START, item)
    jobs_plan(ticket_id=item)


@shared_task(name=queue.BATCH_RUN, acks_late=False)
def batch_run(batch_id: str) -> None:
    """Run a batch, unless it runs elsewhere, is over, or every place is taken."""
    item = UUID(batch_id)
    queue.arrived(queue.BATCH_RUN, item)
    if batch_execute(item):
        queue.enqueue(queue.RECLAIM)


@shared_task(name=queue.REVIEW_RUN, acks_late=False)
def review_run(review_id: str) -> None:
    """Verify a certified erasure again, when no ticket waits."""
    item = UUID(review_id)
    queue.arrived(queue.REVIEW_RUN, item)
    if review_execute(item):
        queue.enqueue(queue.RECLAIM)


@shared_task(name=queue.TICKET_CERTIFY, acks_late=False)
def ticket_certify(ticket_id: str) -> None:
    """Issue the certificate of a verified ticket and close it.

    Without timestamps, or with a key that cannot be reached, it waits for the next sweep.
    """
    item = UUID(ticket_id)
    queue.arrived(queue.TICKET_CERTIFY, item)
    try:
        certify(ticket_id=item)
    except (TimestampUnavailableError, KeyUnavailableError) as error:
        logger.warning("The certificate of ticket %s waits: %s", item, error)


@shared_task(name=REPLACE, acks_late=False)
def certificate_replace(certificate_id: str) -> None:
    """Make the document that takes the place of another; without timestamps it waits."""
    item = UUID(certificate_id)
    queue.arrived(REPLACE, item)
    try:
        supersession_carry_out(certificate_id=item, fresh=facts_anew)
    except (TimestampUnavailableError, KeyUnavailableError) as error:
        logger.warning("What takes the place of certificate %s waits: %s", item, error)


@shared_task(name=queue.RECLAIM, acks_late=False)
def reclaim() -> None:
    """Find everything that is due."""
    queue.arrived(queue.RECLAIM)
    sweep()


@shared_task(name=f"{queue.MODULE}.audit_checkpoint", acks_late=False)
def audit_checkpoint() -> None:
    """Sign the present head of the audit log, and show from time to time that it lives."""
    try:
        checkpoint_renew()
    except (TimestampUnavailableError, KeyUnavailableError) as error:
        logger.warning("The checkpoint of the log waits: %s", error)


@worker_ready.connect
def look_around(**_: Any) -> None:
    """Have the first worker that is ready look for work that another one left."""
    queue.enqueue(queue.RECLAIM)
