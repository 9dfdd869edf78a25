"""Verification profiles as data: what must be tested, against which margins, to be called what.

A profile is chosen with the ticket and enters the preregistration whole. Raise its version when
a number moves: a certificate names both. Margins widen as records get fewer, because nothing
sharper can be shown with them; that is *weaker evidence*, not the same evidence, so the margin
is printed with every verdict.

* :mod:`verification.profiles.profile` - what a profile is;
* :mod:`verification.profiles.margins` - margins by sample size;
* :mod:`verification.profiles.standard` - behavioural, erasure and exact;
* :mod:`verification.profiles.law` - the defaults for GDPR and HIPAA, and the reason of each.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from types import MappingProxyType

from verification.profiles.law import GDPR, HIPAA
from verification.profiles.margins import (
    BLIND_CEILINGS,
    MARGINS,
    REGRESSION_MARGINS,
    WIDEST_USUAL_MARGIN,
    BlindCeiling,
    Margins,
)
from verification.profiles.profile import GATES, PASS_ONLY_GATES, Profile, Requirement
from verification.profiles.standard import (
    BEHAVIOURAL,
    ERASURE,
    EXACT,
    EXACT_GATES,
    RELEARNING_ATTACKS,
)

PROFILES: Mapping[str, Profile] = MappingProxyType(
    {profile.name: profile for profile in (BEHAVIOURAL, ERASURE, EXACT, GDPR, HIPAA)}
)

__all__ = [
    "BLIND_CEILINGS",
    "EXACT_GATES",
    "GATES",
    "MARGINS",
    "PASS_ONLY_GATES",
    "PROFILES",
    "REGRESSION_MARGINS",
    "RELEARNING_ATTACKS",
    "WIDEST_USUAL_MARGIN",
    "BlindCeiling",
    "Margins",
    "Profile",
    "Requirement",
    "find_profile",
]


def find_profile(name: str) -> Profile:
    """Return the profile of that name; raises ``KeyError`` that names the nearest one."""
    if name in PROFILES:
        return PROFILES[name]
    near = difflib.get_close_matches(name.casefold(), PROFILES, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(PROFILES)}"
    message = f"no verification profile is called {name}; {hint}"
    raise KeyError(message)
