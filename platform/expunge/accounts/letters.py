"""Mails about an account itself: links that set a password, notes that something was changed.

They hold links that open an account, so they never lie in an outbox that others can read. A page
does not wait for the mail server: its answer takes as long whether or not there is an account.
"""

from __future__ import annotations

import logging
from concurrent.futures import Future, ThreadPoolExecutor
from smtplib import SMTPException

from django.core.mail import EmailMessage

logger = logging.getLogger(__name__)
_POST = ThreadPoolExecutor(max_workers=2, thread_name_prefix="account-letters")


def letter_post(message: EmailMessage) -> Future[bool]:
    """Send a letter behind the page's back; whoever misses it can ask for another."""
    return _POST.submit(_send, message)


def _send(message: EmailMessage) -> bool:
    try:
        return bool(message.send())
    except (OSError, SMTPException) as error:
        # The error's text may name the person; its kind is enough to find the trouble.
        logger.error("a letter about an account could not be sent: %s", type(error).__name__)  # noqa: TRY400
        return False
