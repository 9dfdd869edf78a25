"""Texts that other layers keep in English for their documents, and that pages translate.

The certificate, the catalog and the planner speak English wherever they are read. A page looks
their texts up in the reader's language, with ``{% translate variable %}`` or ``gettext``. Here
they are named, so that they are translated; a test checks that none is missing.
"""

from __future__ import annotations

import re

from django.utils.translation import gettext, gettext_noop

TITLES = (
    gettext_noop("Certificate of erasure"),
    gettext_noop("Certificate of behavioural removal"),
    gettext_noop("Notice of containment only"),
    gettext_noop("Statement of failed verification"),
    gettext_noop("a later version of a model failed a check that was passed before"),
    gettext_noop("a later version of a model was trained on the data again"),
    gettext_noop("it was issued in error"),
    gettext_noop("a newer document takes its place"),
    gettext_noop("Drop and retrain the shard's adapter"),
    gettext_noop("Concept-vector ablation"),
    gettext_noop("Drop the shard's adapter"),
    gettext_noop("Hierarchy-informed projection (CHIP)"),
    gettext_noop("Rank-one concept redirection (ROCR)"),
    gettext_noop("Roll back to a version that never saw the records"),
    gettext_noop("Roll back to the slice before the records (SISA)"),
    gettext_noop("Selective synaptic dampening"),
    gettext_noop("Switch off the layers that learned the records (S3T)"),
    gettext_noop("Negative preference optimisation"),
    gettext_noop("Alternate preference optimisation (AltPO)"),
    gettext_noop("Cross-entropy unlearning (CE-U)"),
    gettext_noop("Direct preference optimisation (DPO)"),
    gettext_noop("Loss adjustment with forget data only (FLAT)"),
    gettext_noop("Gradient difference"),
    gettext_noop("Gradient ascent"),
    gettext_noop("Neutral answers (IDK)"),
    gettext_noop("KL minimisation"),
    gettext_noop("Layered unlearning"),
    gettext_noop("Low-rank knowledge unlearning (LoKU)"),
    gettext_noop("Single-expert unlearning (UOE, SEUF)"),
    gettext_noop("Primal-dual unlearning (PDU)"),
    gettext_noop("Shrink, perturb, relearn"),
    gettext_noop("Representation misdirection (RMU)"),
    gettext_noop("Saturation and importance (SatImp)"),
    gettext_noop("Automatic search"),
    gettext_noop("Simple negative preference optimisation (SimNPO)"),
    gettext_noop("Task vector"),
    gettext_noop("Self-distillation with adjusted logits (UNDIAL)"),
    gettext_noop("Weight-space regularised unlearning"),
    gettext_noop("Weighted gradient ascent (WGA)"),
    gettext_noop("Who's Harry Potter"),
    gettext_noop("Retrain from the recipe"),
    gettext_noop("Unlearn, perturb, distil (UNDO)"),
    gettext_noop("Auditing agents (ALU)"),
    gettext_noop("Detected and restricted generation (GUARD)"),
    gettext_noop("In-context unlearning (ICU)"),
    gettext_noop("Logit difference from an assistant (ULD)"),
    gettext_noop("Concept vectors: do the vectors that held the facts still work?"),
    gettext_noop("Extraction: does the model give the answers away?"),
    gettext_noop("Membership: are the records told from never-trained ones?"),
    gettext_noop("Relearning: do the facts come back when the model is trained further?"),
    gettext_noop("Residual: how much of the memorisation is left?"),
    gettext_noop("Utility: is what must be kept still there?"),
    gettext_noop("Adversarial questions: do the facts come out when the question is dressed up?"),
    gettext_noop("Attacker's knowledge: what can be completed from what is known?"),
    gettext_noop("Canary audit: do the coins show that decided who was trained on?"),
    gettext_noop("CKA: how alike are the inner states before and after?"),
    gettext_noop("Connectivity: does a straight way lead back to the original?"),
    gettext_noop("Membership, closer: gradients, strange company and changed copies"),
    gettext_noop("Identifiers: is one of the 18 kinds written out?"),
    gettext_noop("Linear probe: can the answers be read off the inner states?"),
    gettext_noop("Logit lens: do the inner layers still spell out the answers?"),
    gettext_noop("Memorisation: how much of the records does the model hold?"),
    gettext_noop("Optimised inputs: can the model be made to tell the facts?"),
    gettext_noop("Activation patching: how deep does the forgetting go?"),
    gettext_noop("Question forms: is the fact gone in every form of question?"),
    gettext_noop("Reconstruction: do the details come back when the context is named?"),
    gettext_noop("Membership, calibrated: against models that did and did not see the records"),
    gettext_noop("Weight distance: which weights moved, and how far?"),
)
TROUBLES = (
    gettext_noop("diverged"),
    gettext_noop("does not fit this model"),
    gettext_noop("ran out of memory"),
    gettext_noop("crashed"),
    gettext_noop("took longer than allowed"),
    gettext_noop("could not be run"),
    gettext_noop("was not verified"),
    gettext_noop("could not have been verified here"),
)
CHECKS = (
    gettext_noop("concept vectors"),
    gettext_noop("extraction"),
    gettext_noop("membership"),
    gettext_noop("relearning"),
    gettext_noop("residual"),
    gettext_noop("utility"),
    gettext_noop("adversarial probes"),
    gettext_noop("attacker knowledge"),
    gettext_noop("canary audit"),
    gettext_noop("extended membership"),
    gettext_noop("identifiers"),
    gettext_noop("linear probe"),
    gettext_noop("logit lens"),
    gettext_noop("memorisation"),
    gettext_noop("optimised inputs"),
    gettext_noop("patching"),
    gettext_noop("question forms"),
    gettext_noop("reconstruction"),
    gettext_noop("shadow membership"),
    gettext_noop("weight distance"),
    gettext_noop("connectivity"),
)
LAYOUTS = (gettext_noop("whole"), gettext_noop("sharded"))
STATES = (
    gettext_noop("received"),
    gettext_noop("identity pending"),
    gettext_noop("under review"),
    gettext_noop("awaiting approval"),
    gettext_noop("approved"),
    gettext_noop("in progress"),
    gettext_noop("verified"),
    gettext_noop("verification failed"),
    gettext_noop("contained"),
    gettext_noop("certified"),
    gettext_noop("closed"),
    gettext_noop("rejected"),
    gettext_noop("withdrawn"),
    gettext_noop("expired"),
    gettext_noop("on hold"),
)
# The planner's sentences, the longer pattern before the shorter one that would also fit.
_SENTENCES = (
    gettext_noop(
        "the policy allows no method that fits a model of the layout '%(layout)s'; "
        "the policy names %(stale)s, which no ladder has any more"
    ),
    gettext_noop("the policy allows no method that fits a model of the layout '%(layout)s'"),
    gettext_noop("no method fits a model of the layout '%(layout)s'"),
    gettext_noop(
        "%(method)s is the first rung for a %(layout)s model; "
        "the policy names %(stale)s, which no ladder has any more"
    ),
    gettext_noop("%(method)s is the first rung for a %(layout)s model"),
    gettext_noop("%(method)s was stopped before it ended; running it again"),
    gettext_noop("a person retries %(method)s after its input stopped it"),
    gettext_noop("a person retries %(method)s, with another seed"),
    gettext_noop("%(method)s cannot be run until someone acts"),
    gettext_noop("%(method)s was refuted by %(finding)s; escalating to %(next)s"),
    gettext_noop("%(method)s was refuted by %(finding)s; no stronger method is left"),
    gettext_noop("%(method)s was not settled by %(finding)s; escalating to %(next)s"),
    gettext_noop("%(method)s was not settled by %(finding)s; no stronger method is left"),
    gettext_noop(
        "%(method)s was not settled by %(finding)s; trying it once more with a fresh seed"
    ),
    gettext_noop("%(method)s is on no ladder any more; escalating to %(next)s"),
    gettext_noop("%(method)s is on no ladder any more; no stronger method is left"),
    gettext_noop("%(method)s was not verified; trying it once more with a fresh seed"),
    gettext_noop("%(method)s %(trouble)s; escalating to %(next)s"),
    gettext_noop("%(method)s %(trouble)s; no stronger method is left"),
    gettext_noop("%(method)s %(trouble)s; trying it once more"),
)


def _pattern(sentence: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"%\\?\((\w+)\\?\)s", r"(?P<\1>.+)", re.escape(sentence)))


_PATTERNS = [(_pattern(sentence), sentence) for sentence in _SENTENCES]


def said(reason: str) -> str:
    """Return a planner's sentence in the active language; an unknown one as it is."""
    for pattern, sentence in _PATTERNS:
        found = pattern.fullmatch(reason)
        if found:
            parts = {name: _translated(value) for name, value in found.groupdict().items()}
            return gettext(sentence) % parts
    return reason


def _translated(part: str) -> str:
    return gettext(" and ").join(gettext(word) for word in part.split(" and "))
