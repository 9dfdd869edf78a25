"""The words and tones in which states and verdicts are shown: one table each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from django.utils.functional import Promise
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from contract.catalog import Effect
from contract.report import Tier, Verdict
from expunge.jobs.catalog import method_card
from expunge.jobs.states import AttemptState, JobState, ReviewState
from expunge.tickets.models import Outcome
from expunge.tickets.states import TicketState

Tone = Literal["good", "bad", "warn", "busy", "still"]


@dataclass(frozen=True)
class Word:
    """A short label, the tone it is shown in, and a sentence that explains it."""

    label: str | Promise
    tone: Tone
    sentence: str | Promise = ""


T, J, A, R, V = TicketState, JobState, AttemptState, ReviewState, Verdict
WORDS: Mapping[type, Mapping[str, Word]] = {
    TicketState: {
        T.RECEIVED: Word(
            _("Received"), "still", _("Filed. Next: confirm who is asking, then review.")
        ),
        T.IDENTITY_PENDING: Word(
            _("Identity pending"), "warn", _("Waiting until it is shown who is asking.")
        ),
        T.UNDER_REVIEW: Word(_("Under review"), "busy", _("A reviewer checks ground and scope.")),
        T.AWAITING_APPROVAL: Word(
            _("Awaiting approval"), "warn", _("A second person must approve; not the requester.")
        ),
        T.APPROVED: Word(_("Approved"), "busy", _("The work starts by itself.")),
        T.IN_PROGRESS: Word(_("In progress"), "busy", _("Models are being changed and attacked.")),
        T.VERIFIED: Word(
            _("Verified"), "good", _("Every model passed; the certificate is being made.")
        ),
        T.VERIFICATION_FAILED: Word(
            _("Verification failed"),
            "bad",
            _("No method could be shown to have worked. Retry, or close as not verified."),
        ),
        T.CONTAINED: Word(
            _("Contained only"), "warn", _("Answers are suppressed; the models are unchanged.")
        ),
        T.CERTIFIED: Word(_("Certified"), "good", _("The certificate is issued.")),
        T.CLOSED: Word(_("Closed"), "still", _("Ended; what the person wrote has been destroyed.")),
        T.REJECTED: Word(
            _("Rejected"), "still", _("Refused with a reason and the person's remedies.")
        ),
        T.WITHDRAWN: Word(_("Withdrawn"), "still", _("Taken back before it ended.")),
        T.EXPIRED: Word(_("Expired"), "still", _("It was never shown who asked.")),
        T.ON_HOLD: Word(
            _("On legal hold"), "warn", _("Stopped; release resumes it where it stood.")
        ),
    },
    JobState: {
        J.PLANNED: Word(_("Planned"), "still"),
        J.RUNNING: Word(_("Running"), "busy"),
        J.PASSED: Word(_("Verified"), "good"),
        J.EXHAUSTED: Word(_("No method left"), "bad"),
        J.CANCELLED: Word(_("Cancelled"), "still"),
    },
    AttemptState: {
        A.QUEUED: Word(_("Queued"), "still"),
        A.RUNNING: Word(_("Running"), "busy"),
        A.PASSED: Word(_("Verified"), "good"),
        A.REFUTED: Word(_("Not verified"), "bad"),
        A.ERRORED: Word(_("Could not run"), "bad"),
        A.CANCELLED: Word(_("Cancelled"), "still"),
    },
    ReviewState: {
        R.QUEUED: Word(_("Waiting"), "still"),
        R.RUNNING: Word(_("Being checked"), "busy"),
        R.HELD_UP: Word(_("Held up"), "good"),
        R.REGRESSED: Word(_("Regressed"), "bad"),
        R.INCONCLUSIVE: Word(_("Cannot be told"), "warn"),
        R.ERRORED: Word(_("Could not run"), "warn"),
    },
    Verdict: {
        V.PASS: Word(_("Pass"), "good"),
        V.FAIL: Word(_("Fail"), "bad"),
        V.INCONCLUSIVE: Word(_("Inconclusive"), "warn"),
        V.INVALID: Word(_("Invalid"), "warn"),
        V.NOT_APPLICABLE: Word(_("Not applicable"), "still"),
    },
    Outcome: {
        Outcome.CERTIFIED: Word(_("Certified"), "good", _("Verified and certified.")),
        Outcome.NOT_VERIFIED: Word(_("Not verified"), "bad", _("Closed without a certificate.")),
        Outcome.EXEMPT: Word(
            _("Exempt"), "still", _("What the models hold is exempt from erasure by law.")
        ),
        Outcome.NOTHING_HELD: Word(_("Nothing held"), "still", _("No model holds this data.")),
    },
}
GROUPS: Mapping[str, str | Promise] = {
    "open": _("All open"),
    "people": _("With people: identity, review, approval"),
    "work": _("At work"),
    "failed": _("Not verified or contained only"),
    "hold": _("On legal hold"),
    "ended": _("Ended"),
}
WINDOWS: Mapping[str, str | Promise] = {
    "overdue": _("Overdue"),
    "week": _("Within a week"),
    "month": _("Within 30 days"),
}
TIERS: Mapping[str, str | Promise] = {
    Tier.BEHAVIOURAL: _("behavioural removal"),
    Tier.ERASURE: _("erasure"),
    Tier.EXACT: _("exact erasure"),
}
EFFECTS: Mapping[str, str | Promise] = {
    Effect.EXACT: _("exact: the data took no part in training what is served"),
    Effect.REMOVAL: _("removal: weights changed to take the information out"),
    Effect.WEIGHT_SUPPRESSION: _("suppression in the weights: only outputs are meant to change"),
    Effect.SERVE_SUPPRESSION: _("suppression at serving: the weights are unchanged"),
}


def word_for(kind: type, value: str) -> Word:
    """Return how a value of an enumeration is shown; an unknown one is shown as it is."""
    return WORDS[kind].get(value, Word(str(value).replace("_", " ").capitalize(), "still"))


def method_title(method: str) -> str:
    """Return a method's name in words."""
    card = method_card(method)
    return gettext(card.title) if card else method.replace("_", " ").capitalize()


def inline(label: str | Promise) -> str:
    """Return a label as it stands inside a sentence: German keeps the capitals of its nouns."""
    text = str(label)
    return text if (get_language() or "").startswith("de") else text.lower()
