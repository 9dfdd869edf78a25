"""What an organisation's policy may choose about the work: profiles and methods, in words."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from expunge.accounts.policies import policy_offer
from expunge.jobs.planner import LADDER, LADDERS

PROFILES = {
    "behavioural": _("Behavioural"),
    "erasure": _("Erasure"),
    "exact": _("Exact"),
}
METHODS = {
    "drop_shard": _("Drop and retrain the shard"),
    "npo": _("Negative preference optimisation"),
    "undo": _("Unlearn, noise, distil"),
    "retrain": _("Full retrain"),
}


def profiles() -> list[tuple[str, str]]:
    """Return the verification profiles that have a ladder."""
    return [(name, str(PROFILES[name])) for name in LADDERS]


def methods() -> list[tuple[str, str]]:
    """Return the rungs, from the gentlest to the strongest."""
    return [(rung.method, str(METHODS[rung.method])) for rung in LADDER]


policy_offer("profile", profiles)
policy_offer("ladder", methods)
