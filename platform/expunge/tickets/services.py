"""Everything that can be done with a ticket, in one place to import from.

What people decide stands in :mod:`decisions`, clocks in :mod:`deadlines`, legal holds in
:mod:`holds`, what the platform does by itself in :mod:`endings`.
"""

from __future__ import annotations

from expunge.tickets.deadlines import ticket_clock_pause, ticket_clock_resume, ticket_extend
from expunge.tickets.decisions import (
    ticket_approve,
    ticket_close_unverified,
    ticket_contain,
    ticket_identity_confirm,
    ticket_reject,
    ticket_retry,
    ticket_send_back,
    ticket_submit,
    ticket_withdraw,
)
from expunge.tickets.endings import ticket_close_nothing_held, ticket_expire, ticket_reopen
from expunge.tickets.holds import ticket_hold, ticket_release
from expunge.tickets.intake import ticket_file

__all__ = [
    "ticket_approve",
    "ticket_clock_pause",
    "ticket_clock_resume",
    "ticket_close_nothing_held",
    "ticket_close_unverified",
    "ticket_contain",
    "ticket_expire",
    "ticket_extend",
    "ticket_file",
    "ticket_hold",
    "ticket_identity_confirm",
    "ticket_reject",
    "ticket_release",
    "ticket_reopen",
    "ticket_retry",
    "ticket_send_back",
    "ticket_submit",
    "ticket_withdraw",
]
