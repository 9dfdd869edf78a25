"""What a profile is: requirements, gates, margins, levels and seeds, as frozen data."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from contract.catalog import ProfileCard
from contract.report import Tier
from verification.profiles.margins import BLIND_CEILINGS, MARGINS, BlindCeiling, Margins

GATES = ("digests", "preregistration", "blind_baseline", "positive_control", "power")
"""The validity gates a profile demands, unless it says otherwise."""

PASS_ONLY_GATES = frozenset({"power", "sham"})
"""Gates that stand in the way of a pass alone.

Too few records cannot show absence, but a leak they do show is a leak all the same. And where a
sham request was flagged, the procedure marks whoever it is used on, so nothing it makes may pass;
but records that are found in the candidate are in it, whichever way they came.
"""


@dataclass(frozen=True)
class Requirement:
    """A check (after an attack, if one is named) without which there is no pass.

    ``may_not_apply``: the check may find that its question has no meaning here (no memorisation
    gap against the references, no value vector that belongs to this person alone).
    """

    check: str
    attack: str | None = None
    may_not_apply: bool = False


@dataclass(frozen=True)
class Profile:
    """A versioned set of demands.

    ``requirements`` decide; ``diagnostics`` are run and reported, and never decide. ``alpha`` is
    the level at which each requirement has to be *shown*; ``leak_alpha`` the level, over all of
    them together, at which a leak is found; ``control_alpha`` that of the positive control.
    ``residual`` bounds the residual fraction from above and, negated, from below; ``utility``
    the relative loss of quality; ``relearned`` the excess of recovered knowledge over the twins'
    as a share of the original's; ``blind`` the upper end of the blind baseline's AUC.

    ``regression``: the claim rests on a verified lineage, and the tests watch over it. A test
    that is inconclusive for want of power alone then stands in nobody's way
    (:mod:`verification.profiles.standard` says why).
    """

    name: str
    version: int
    title: str
    grants: Tier
    requirements: tuple[Requirement, ...]
    diagnostics: tuple[Requirement, ...] = ()
    gates: tuple[str, ...] = GATES
    margins: tuple[Margins, ...] = MARGINS
    alpha: float = 0.05
    leak_alpha: float = 0.05
    control_alpha: float = 0.01
    power: float = 0.70
    residual: float = 0.20
    utility: float = 0.05
    relearned: float = 0.20
    blind: tuple[BlindCeiling, ...] = BLIND_CEILINGS
    seeds: tuple[int, ...] = (0, 1, 2)
    regression: bool = False

    def margins_for(self, records: int) -> Margins | None:
        """Return the margins for that many records; ``None`` when they are too few for any."""
        fitting = [item for item in self.margins if records >= item.records]
        return max(fitting, key=lambda item: item.records) if fitting else None

    def blind_ceiling(self, twins: int) -> float:
        """Return the highest upper bound of the blind baseline allowed for that many twins."""
        return min(item.ceiling for item in self.blind if twins >= item.twins)

    def requirement(self, check: str, attack: str | None) -> Requirement | None:
        """Return the requirement a result answers, if this profile has it."""
        return next(
            (item for item in self.requirements if (item.check, item.attack) == (check, attack)),
            None,
        )

    def at_attempt(self, earlier: int) -> Profile:
        """Return the profile for a candidate after so many refuted ones of the same request.

        Whoever may try again until something passes will pass by chance. Each further candidate
        is therefore held to the level alpha over its number (Bonferroni). Only showing gets
        harder: a leak is found at the same level as ever.
        """
        return replace(self, alpha=self.alpha / (1 + earlier)) if earlier > 0 else self

    def as_plan(self) -> dict[str, Any]:
        """Return the profile as JSON-like data for the preregistration."""
        plan = asdict(self)
        lists = {key: list(value) for key, value in plan.items() if isinstance(value, tuple)}
        return {**plan, **lists, "grants": self.grants.value}

    def card(self) -> ProfileCard:
        """Return the catalog's card of the profile."""
        return ProfileCard(self.name, self.version, self.title, self.grants.value)
