"""The Celery tasks of the signing queue that are not about one ticket."""

from __future__ import annotations

import logging
from typing import Any

from celery import shared_task
from celery.signals import worker_ready
from django.conf import settings

from expunge.audit.timestamps import TimestampUnavailableError
from expunge.certificates.publication import PUBLISH, status_is_due, status_publish
from expunge.certificates.readiness import signing_faults
from expunge.certificates.renewal import certificates_renew
from expunge.common.pki import KeyMissingError

RENEW = "expunge.certificates.tasks.archives_renew"

logger = logging.getLogger(__name__)


@shared_task(name=PUBLISH, acks_late=False)
def status_renew() -> None:
    """Publish a new status list when one is due."""
    if status_is_due():
        status_publish()


@worker_ready.connect
def keys_try(**_: Any) -> None:
    """Say at the start of a signing worker what would keep it from signing."""
    if settings.EXPUNGE_MAY_SIGN:
        for fault in signing_faults():
            logger.error("%s", fault)


@shared_task(name=RENEW, acks_late=False)
def archives_renew() -> None:
    """Renew the archives that near their end; what failed today is due again tomorrow."""
    try:
        done = certificates_renew()
    except (TimestampUnavailableError, KeyMissingError) as error:
        logger.warning("%s", error)
        return
    for fault in done.faults:
        logger.error("%s", fault)
