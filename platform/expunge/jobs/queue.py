"""Handing work to Celery. A message means "have a look": Postgres says whether there is work.

The broker may lose, delay and repeat messages, or be away. A message that cannot be sent is
sent by the next sweep; one that is on its way already is not sent again, so that sweeps during
a long attempt do not pile messages up.
"""

from __future__ import annotations

import logging
from functools import partial
from uuid import UUID

from celery import current_app
from django.conf import settings
from django.db import transaction
from kombu.exceptions import OperationalError
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from expunge.jobs.configuration import configuration

logger = logging.getLogger(__name__)

MODULE = "expunge.jobs.tasks"
TICKET_START = f"{MODULE}.ticket_start"
TICKET_CERTIFY = f"{MODULE}.ticket_certify"
BATCH_RUN = f"{MODULE}.batch_run"
REVIEW_RUN = f"{MODULE}.review_run"
RECLAIM = f"{MODULE}.reclaim"

PATIENCE_SECONDS = 2
MEMORY_SECONDS = 3600
SWEEPS_UNANSWERED = 4
"""After so many sweeps without an answer a message counts as lost."""


def enqueue(task: str, item: UUID | None = None) -> None:
    """Send a message with at most one id, unless it is on its way; never raises."""
    lifetime = SWEEPS_UNANSWERED * configuration().sweep.total_seconds()
    arguments = [str(item)] if item else []
    try:
        with _redis() as client:
            fresh = client.set(_key(task, item), 1, nx=True, ex=max(1, int(lifetime)))
        if fresh:
            current_app.send_task(task, args=arguments, retry=False)
    except (OperationalError, RedisError, OSError):
        logger.warning("The broker does not answer; the next sweep sends %s again", task)


def enqueue_on_commit(task: str, item: UUID | None = None) -> None:
    """Send the message once the present transaction is committed."""
    transaction.on_commit(partial(enqueue, task, item))


def arrived(task: str, item: UUID | None = None) -> None:
    """Note that a message was received: from now on a new one may be sent."""
    try:
        with _redis() as client:
            client.delete(_key(task, item))
    except (RedisError, OSError):
        logger.warning("The broker does not answer; %s goes on without it", task)


def remember(name: str, value: str) -> None:
    """Keep a value for an hour, if the broker answers: it only saves work that may be redone."""
    try:
        with _redis() as client:
            client.set(f"expunge:seen:{name}", value, ex=MEMORY_SECONDS)
    except (RedisError, OSError):
        logger.warning("The broker does not answer; %s is not remembered", name)


def remembered(name: str) -> str | None:
    """Return what was kept, if anything."""
    try:
        with _redis() as client:
            kept = client.get(f"expunge:seen:{name}")
    except (RedisError, OSError):
        return None
    return kept.decode() if isinstance(kept, bytes) else None


def _redis() -> Redis:
    """Connect to the broker; it answers at once or not at all, for a web page may be waiting."""
    return Redis.from_url(
        settings.REDIS_URL, socket_timeout=PATIENCE_SECONDS, retry=Retry(NoBackoff(), 0)
    )


def _key(task: str, item: UUID | None) -> str:
    return f"expunge:sent:{task}:{item or ''}"
