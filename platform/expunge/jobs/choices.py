"""What an organisation's policy may choose about the work: profiles and methods, in words."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from expunge.accounts.policies import BY_LAW, policy_offer
from expunge.jobs.planner import LADDER, LADDERS

PROFILES = {
    "behavioural": _("Behavioural"),
    "erasure": _("Erasure"),
    "exact": _("Exact"),
    "gdpr": _("Erasure as the GDPR asks"),
    "hipaa": _("Destruction as HIPAA asks"),
}
METHODS = {
    "drop_shard": _("Drop and retrain the shard"),
    "npo": _("Negative preference optimisation"),
    "renew": _("Shrink, perturb, relearn"),
    "retrain": _("Full retrain"),
}


def profiles() -> list[tuple[str, str]]:
    """Return the verification profiles that have a ladder, and the choice of each law's own."""
    own = (BY_LAW, str(_("What the law of the request asks")))
    return [own, *((name, str(PROFILES[name])) for name in LADDERS)]


def methods() -> list[tuple[str, str]]:
    """Return the rungs, from the gentlest to the strongest."""
    return [(rung.method, str(METHODS[rung.method])) for rung in LADDER]


policy_offer("profile", profiles)
policy_offer("ladder", methods)
