"""The coded reasons of a ticket's history, in words."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from expunge.tickets import reasons
from expunge.tickets.regimes import regimes

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

KINDS = (
    reasons.ExtensionReason,
    reasons.WithdrawalReason,
    reasons.HoldReason,
    reasons.ReleaseReason,
    reasons.UnverifiedReason,
    reasons.ReopeningReason,
    reasons.ContainmentReason,
    reasons.ResumptionReason,
)
PAUSED, RESUMED = "paused_", "resumed_"


def reason_words(code: str) -> str:
    """Return a reason as the form that asked for it says it; an unknown code as plain words."""
    if code.startswith(PAUSED):
        return _("clock paused: %(why)s") % {"why": reason_words(code.removeprefix(PAUSED))}
    if code.startswith(RESUMED):
        return _("clock resumed: %(why)s") % {"why": reason_words(code.removeprefix(RESUMED))}
    known = _known()
    return str(known[code]) if code in known else code.replace("_", " ")


@cache
def _known() -> Mapping[str, StrOrPromise]:
    laws = regimes().values()
    said = {refusal.code: refusal.label for law in laws for refusal in law.refusals}
    said |= {
        rule.reason: rule.label for law in laws for clock in law.clocks for rule in clock.pauses
    }
    return said | {value: label for kind in KINDS for value, label in kind.choices}
