"""Publishing the status list: signed where the keys are, served where they are not.

The workers of the signing queue make a new list when a document was revoked, and once in a while
so that whoever fetches it sees that it is kept up. The site only hands it out.
"""

from __future__ import annotations

import json
import logging
from datetime import datetime, timedelta

from celery import current_app
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Max
from django.utils.translation import gettext as _
from kombu.exceptions import OperationalError

from expunge.audit.keys import log_origin, trust_roots
from expunge.certificates.envelope import STATUS_TYPE, seal
from expunge.certificates.keys import statement_credential
from expunge.certificates.models import Certificate, StatusPublication
from expunge.certificates.status import Revoked, StatusList, write_status
from expunge.common.clock import now
from expunge.common.errors import NotFoundError

logger = logging.getLogger(__name__)

PUBLISH = "expunge.certificates.tasks.status_renew"
FRESH = timedelta(hours=6)


@transaction.atomic
def status_publish() -> StatusPublication:
    """Sign the list of every revoked document as it stands, and publish it."""
    with connection.cursor() as cursor:  # the later of two lists is the one that stays
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('expunge.status'))")
    moment = now()
    published, _made = StatusPublication.objects.update_or_create(
        pk=1, defaults={"content": status_list(), "roots": trust_roots(), "issued_at": moment}
    )
    return published


def status_list() -> bytes:
    """Return the signed list of every revoked document; it names them by number and digest."""
    found = (
        Certificate.objects.filter(revoked_at__isnull=False)
        .select_related("superseded_by")
        .defer("statement", "superseded_by__statement")
        .order_by("revoked_seq")
    )
    content = StatusList(
        issuer=settings.EXPUNGE_ISSUER,
        issued_at=now(),
        log=log_origin(),
        revoked=tuple(
            Revoked(
                number=item.number,
                statement=item.statement_digest,
                reason=item.revoked_reason,
                revoked_at=item.revoked_at,
                seq=item.revoked_seq,
                superseded_by=item.successor.number if item.successor else None,
            )
            for item in found.iterator()
            if item.revoked_at is not None and item.revoked_seq is not None
        ),
    )
    signer = statement_credential()
    return seal(
        json.dumps(write_status(content)).encode(), signer.key, signer.certificate, STATUS_TYPE
    )


def roots_published() -> bytes:
    """Return the root certificates that were published last; raises ``status_missing``."""
    published = StatusPublication.objects.exclude(roots=b"").first()
    if published is None:
        raise _missing()
    return bytes(published.roots)


def status_published() -> bytes:
    """Return the list that was published last; raises ``status_missing``."""
    published = StatusPublication.objects.first()
    if published is None:
        raise _missing()
    return bytes(published.content)


def _missing() -> NotFoundError:
    return NotFoundError(
        "status_missing",
        _("No status list was published yet; a signing worker makes one within minutes."),
    )


def status_is_due() -> bool:
    """Say whether a document was revoked since the last list, or the list has grown old."""
    published = StatusPublication.objects.first()
    if published is None or published.issued_at < now() - FRESH:
        return True
    last: datetime | None = Certificate.objects.aggregate(last=Max("revoked_at"))["last"]
    return last is not None and last >= published.issued_at


def status_ask() -> None:
    """Have a signing worker look once the transaction is over; if no one hears, the beat asks."""

    def ask() -> None:
        try:
            current_app.send_task(PUBLISH, retry=False)
        except (OperationalError, OSError):
            logger.warning("The broker does not answer; the status list is renewed by the beat")

    transaction.on_commit(ask)
