"""What an organisation's policy may choose about the work: profiles and methods, in words."""

from __future__ import annotations

from expunge.accounts.policies import policy_offer
from expunge.jobs.planner import LADDER, LADDERS


def profiles() -> list[tuple[str, str]]:
    """Return the verification profiles that have a ladder."""
    return [(name, name.capitalize()) for name in LADDERS]


def methods() -> list[tuple[str, str]]:
    """Return the rungs, from the gentlest to the strongest."""
    return [(rung.method, rung.title.capitalize()) for rung in LADDER]


policy_offer("profile", profiles)
policy_offer("ladder", methods)
