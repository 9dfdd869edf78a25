"""Verification profiles as data: what must be tested, against which margins, to be called what.

A profile is chosen with the ticket and enters the preregistration whole. Raise its version when
a number moves: a certificate names both. Margins widen as records get fewer, because nothing
sharper can be shown with them; that is *weaker evidence*, not the same evidence, so the margin
is printed with every verdict.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

from contract.catalog import ProfileCard
from contract.report import Tier

GATES = ("digests", "preregistration", "blind_baseline", "positive_control", "power")
"""The validity gates every profile demands."""

PASS_ONLY_GATES = frozenset({"power"})
"""Too few records cannot show absence, but a leak they do show is a leak all the same."""


@dataclass(frozen=True)
class Margins:
    """The margins that hold from ``records`` records on.

    ``equivalence``: distance of the membership AUC from one half. ``extraction``: excess of the
    upper bound of the extracted share over the twins' share (0 of n is the least one can find,
    so it cannot be below the exact bound for 0 of n).
    """

    records: int
    equivalence: float
    extraction: float


@dataclass(frozen=True)
class BlindCeiling:
    """The highest upper bound of the blind baseline's AUC, from ``twins`` twin persons on.

    With few persons even a perfect coin flip leaves the baseline uncertain: over 20 against 20
    persons its standard deviation is about .05.
    """

    twins: int
    ceiling: float


MARGINS = (
    Margins(records=9, equivalence=0.30, extraction=0.30),
    Margins(records=15, equivalence=0.25, extraction=0.20),
    Margins(records=19, equivalence=0.25, extraction=0.15),
    Margins(records=40, equivalence=0.20, extraction=0.10),
    Margins(records=80, equivalence=0.15, extraction=0.10),
    Margins(records=200, equivalence=0.10, extraction=0.05),
)
BLIND_CEILINGS = (BlindCeiling(0, 0.80), BlindCeiling(12, 0.70), BlindCeiling(50, 0.60))
WIDEST_USUAL_MARGIN = 0.25
"""Above this the evidence is called weak in plain words."""


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

    ``alpha`` is the level of each test, ``control_alpha`` that of the positive control.
    ``residual`` bounds the residual fraction from above and, negated, from below; ``utility``
    the relative loss of quality; ``blind`` the upper end of the blind baseline's AUC;
    ``relearned`` the excess of recovered knowledge over the twins' as a share of the original's.
    """

    name: str
    version: int
    title: str
    grants: Tier
    requirements: tuple[Requirement, ...]
    gates: tuple[str, ...] = GATES
    margins: tuple[Margins, ...] = MARGINS
    alpha: float = 0.05
    control_alpha: float = 0.01
    power: float = 0.70
    residual: float = 0.20
    utility: float = 0.05
    relearned: float = 0.20
    blind: tuple[BlindCeiling, ...] = BLIND_CEILINGS
    seeds: tuple[int, ...] = (0, 1, 2)

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

    def as_plan(self) -> dict[str, Any]:
        """Return the profile as JSON-like data for the preregistration."""
        plan = asdict(self)
        lists = {
            key: list(plan[key]) for key in ("requirements", "gates", "margins", "blind", "seeds")
        }
        return {**plan, **lists, "grants": self.grants.value}

    def card(self) -> ProfileCard:
        """Return the catalog's card of the profile."""
        return ProfileCard(self.name, self.version, self.title, self.grants.value)


RELEARNING_ATTACKS = (
    "relearn-forget-16",
    "relearn-forget-100",
    "relearn-retain-16",
    "relearn-retain-100",
)

_BEHAVIOURAL = (
    Requirement("membership"),
    Requirement("residual", may_not_apply=True),
    Requirement("extraction"),
    Requirement("utility"),
)
_ERASURE = (
    *_BEHAVIOURAL,
    Requirement("concept_vectors", may_not_apply=True),
    *(Requirement("relearning", attack) for attack in RELEARNING_ATTACKS),
)

PROFILES: Mapping[str, Profile] = MappingProxyType(
    {
        profile.name: profile
        for profile in (
            Profile(
                name="behavioural",
                version=1,
                title="The model behaves as if it had never seen the records",
                grants=Tier.BEHAVIOURAL,
                requirements=_BEHAVIOURAL,
            ),
            Profile(
                name="erasure",
                version=1,
                title="The records do not come back either when the model is tampered with",
                grants=Tier.ERASURE,
                requirements=_ERASURE,
            ),
            Profile(
                name="exact",
                version=1,
                title="The records took no part in training, and every test agrees",
                grants=Tier.EXACT,
                requirements=_ERASURE,
            ),
        )
    }
)


def find_profile(name: str) -> Profile:
    """Return the profile of that name; raises ``KeyError`` that names the nearest one."""
    if name in PROFILES:
        return PROFILES[name]
    near = difflib.get_close_matches(name, PROFILES, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(PROFILES)}"
    message = f"no verification profile is called {name}; {hint}"
    raise KeyError(message)
