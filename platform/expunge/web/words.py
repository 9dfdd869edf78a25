"""The words and tones in which states and verdicts are shown: one table each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from contract.catalog import Effect
from contract.report import Tier, Verdict
from expunge.jobs.catalog import method_card
from expunge.jobs.states import AttemptState, JobState
from expunge.tickets.models import Outcome
from expunge.tickets.states import TicketState

Tone = Literal["good", "bad", "warn", "busy", "still"]


@dataclass(frozen=True)
class Word:
    """A short label, the tone it is shown in, and a sentence that explains it."""

    label: str
    tone: Tone
    sentence: str = ""


T, J, A, V = TicketState, JobState, AttemptState, Verdict
WORDS: Mapping[type, Mapping[str, Word]] = {
    TicketState: {
        T.RECEIVED: Word("Received", "still", "Filed. Next: confirm who is asking, then review."),
        T.IDENTITY_PENDING: Word(
            "Identity pending", "warn", "Waiting until it is shown who is asking."
        ),
        T.UNDER_REVIEW: Word("Under review", "busy", "A reviewer checks ground and scope."),
        T.AWAITING_APPROVAL: Word(
            "Awaiting approval", "warn", "A second person must approve; not the requester."
        ),
        T.APPROVED: Word("Approved", "busy", "The work starts by itself."),
        T.IN_PROGRESS: Word("In progress", "busy", "Models are being changed and attacked."),
        T.VERIFIED: Word("Verified", "good", "Every model passed; the certificate is being made."),
        T.VERIFICATION_FAILED: Word(
            "Verification failed",
            "bad",
            "No method could be shown to have worked. Retry, or close as not verified.",
        ),
        T.CONTAINED: Word(
            "Contained only", "warn", "Answers are suppressed; the models are unchanged."
        ),
        T.CERTIFIED: Word("Certified", "good", "The certificate is issued."),
        T.CLOSED: Word("Closed", "still", "Ended; what the person wrote has been destroyed."),
        T.REJECTED: Word("Rejected", "still", "Refused with a reason and the person's remedies."),
        T.WITHDRAWN: Word("Withdrawn", "still", "Taken back before it ended."),
        T.EXPIRED: Word("Expired", "still", "It was never shown who asked."),
        T.ON_HOLD: Word("On legal hold", "warn", "Stopped; release resumes it where it stood."),
    },
    JobState: {
        J.PLANNED: Word("Planned", "still"),
        J.RUNNING: Word("Running", "busy"),
        J.PASSED: Word("Verified", "good"),
        J.EXHAUSTED: Word("No method left", "bad"),
        J.CANCELLED: Word("Cancelled", "still"),
    },
    AttemptState: {
        A.QUEUED: Word("Queued", "still"),
        A.RUNNING: Word("Running", "busy"),
        A.PASSED: Word("Verified", "good"),
        A.REFUTED: Word("Not verified", "bad"),
        A.ERRORED: Word("Could not run", "bad"),
        A.CANCELLED: Word("Cancelled", "still"),
    },
    Verdict: {
        V.PASS: Word("Pass", "good"),
        V.FAIL: Word("Fail", "bad"),
        V.INCONCLUSIVE: Word("Inconclusive", "warn"),
        V.INVALID: Word("Invalid", "warn"),
        V.NOT_APPLICABLE: Word("Not applicable", "still"),
    },
    Outcome: {
        Outcome.CERTIFIED: Word("Certified", "good", "Verified and certified."),
        Outcome.NOT_VERIFIED: Word("Not verified", "bad", "Closed without a certificate."),
        Outcome.NOTHING_HELD: Word("Nothing held", "still", "No model holds this data."),
    },
}
TIERS: Mapping[str, str] = {
    Tier.BEHAVIOURAL: "behavioural removal",
    Tier.ERASURE: "erasure",
    Tier.EXACT: "exact erasure",
}
EFFECTS: Mapping[str, str] = {
    Effect.EXACT: "exact: the data took no part in training what is served",
    Effect.REMOVAL: "removal: weights changed to take the information out",
    Effect.WEIGHT_SUPPRESSION: "suppression in the weights: only outputs are meant to change",
    Effect.SERVE_SUPPRESSION: "suppression at serving: the weights are unchanged",
}


def word_for(kind: type, value: str) -> Word:
    """Return how a value of an enumeration is shown; an unknown one is shown as it is."""
    return WORDS[kind].get(value, Word(str(value).replace("_", " ").capitalize(), "still"))


def method_title(method: str) -> str:
    """Return a method's name in words."""
    card = method_card(method)
    return card.title if card else method.replace("_", " ").capitalize()
