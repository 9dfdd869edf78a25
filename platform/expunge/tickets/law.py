"""The vocabulary of a regime: grounds, exemptions, clocks, notices, retention. Frozen and pure.

The texts may be lazy translations; the codes and the citations never are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from expunge.common.errors import InvalidInputError

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


class Notice(StrEnum):
    """A kind of message to the person, by the name the notices know it under."""

    ACKNOWLEDGEMENT = "acknowledgement"
    IDENTITY_REQUEST = "identity_request"
    EXTENSION = "extension"
    REFUSAL = "refusal"
    COMPLETION = "completion"
    FAILURE = "failure"


@dataclass(frozen=True)
class Ground:
    """Why the person may ask. ``clock`` names another clock of the regime than its first.

    ``meaning`` says in plain language when it applies.
    """

    code: str
    label: StrOrPromise
    citation: str
    clock: str = ""
    meaning: StrOrPromise = ""


@dataclass(frozen=True)
class ExtensionRule:
    """How long the whole period is, from receipt again, when it is extended, once.

    The person must be told, with reasons, before the first period is over.
    """

    citation: str
    months: int = 0
    days: int = 0


@dataclass(frozen=True)
class PauseRule:
    """Why the clock may stand still: ``reason`` is the code that goes with a pause.

    The controller must have asked the person without delay. The law puts no number to that;
    ``asked_within`` is this product's own cautious reading, in working days after receipt.
    """

    reason: str
    label: StrOrPromise
    citation: str
    asked_within: int


@dataclass(frozen=True)
class ClockRule:
    """How long the controller has, from the day after receipt.

    ``months`` or ``days`` is the whole first period. ``rolls``: an end on a Saturday, a Sunday
    or a public holiday moves to the next working day. ``acknowledge_days`` are working days
    within which receipt must be confirmed. Without ``pauses`` the clock always runs.
    """

    id: str
    citation: str
    extension: ExtensionRule
    months: int = 0
    days: int = 0
    rolls: bool = False
    acknowledge_days: int | None = None
    pauses: Sequence[PauseRule] = ()

    def pause(self, reason: str) -> PauseRule | None:
        """Return the rule by which the clock may stand still for this reason, if there is one."""
        return next((rule for rule in self.pauses if rule.reason == reason), None)


@dataclass(frozen=True)
class ExemptionRule:
    """A coded reason to keep some of the data although the request is met, with its source."""

    code: str
    label: StrOrPromise
    citation: str


@dataclass(frozen=True)
class Refusal:
    """A coded reason why a request as a whole is not met, with its source."""

    code: str
    label: StrOrPromise
    citation: str


@dataclass(frozen=True)
class NoticeDuty:
    """A message the person gets, and the rule it rests on; empty where it is good practice."""

    kind: Notice
    citation: str = ""


@dataclass(frozen=True)
class RetentionRule:
    """How long the proof without the person's data is kept after a ticket has ended.

    ``configurable``: the law names no period, and the organisation may choose another.
    """

    code: str
    months: int
    citation: str = ""
    configurable: bool = False


@dataclass(frozen=True)
class Regime:
    """One law.

    ``claim`` is what the law lets the person ask for, in its own words; ``remedy`` is what a
    person whose request is refused must be told. ``identity_days`` is how long the law has the
    controller wait at the least for the person to show who they are; its policy may wait longer.
    ``profile`` is the verification profile made for the law, for a policy that leaves it to it.
    """

    name: str
    title: StrOrPromise
    claim: StrOrPromise
    explanation: StrOrPromise
    grounds: Sequence[Ground]
    exemptions: Sequence[ExemptionRule]
    clocks: Sequence[ClockRule]
    refusals: Sequence[Refusal]
    remedy: StrOrPromise
    notices: Sequence[NoticeDuty]
    retention: RetentionRule
    identity_days: int = 0
    profile: str = "erasure"

    def ground(self, code: str) -> Ground:
        """Return a ground by its code; raises ``ground_unknown``."""
        for ground in self.grounds:
            if ground.code == code:
                return ground
        known = ", ".join(ground.code for ground in self.grounds)
        raise InvalidInputError(
            "ground_unknown",
            _("A ground under %(title)s is one of %(known)s.")
            % {"title": self.title, "known": known},
            field="ground",
        )

    def exemption(self, code: str) -> ExemptionRule:
        """Return an exemption by its code; raises ``exemption_unknown``."""
        for exemption in self.exemptions:
            if exemption.code == code:
                return exemption
        known = ", ".join(exemption.code for exemption in self.exemptions)
        raise InvalidInputError(
            "exemption_unknown",
            _("An exemption under %(title)s is one of %(known)s.")
            % {"title": self.title, "known": known},
            field="code",
        )

    def clock(self, ground: str) -> ClockRule:
        """Return the clock that runs for a ground."""
        name = self.ground(ground).clock
        return next((rule for rule in self.clocks if rule.id == name), self.clocks[0])
