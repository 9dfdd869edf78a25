"""The memorisation gap of a person, and the share of it that a model still has.

Used wherever a check asks "how much of it is back?": on the candidate as it is, and after every
attack.

Whoever holds the weights chooses the temperature. A model whose logits were made small is unsure
of everything, of the person too, and has forgotten nobody: what it still knows of the person is
therefore held against what it still knows of the records that stay (:func:`confidence`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from contract.record import Record
from contract.report import Estimate, Verdict
from verification.difficulty import difficulty
from verification.facts import scores_of
from verification.families.causal_lm import CausalLM
from verification.spec import Context
from verification.statistics import residual_fraction_against_twins
from verification.strangers import stranger_scores

Scores = Mapping[str, float]
NAMED = 0.5
"""Share of the original's gap that must hang on the name before names are exchanged."""
KEPT = 100
"""Records that stay which are asked to learn how sure of itself a model is."""
LEAST = 0.01
"""A model less sure than that has lost everything; dividing by less would only make noise."""


@dataclass(frozen=True)
class Gap:
    """Adjusted scores by record id: of the ``original``, and of the candidate (``after``).

    Scores are bounded below by a blind guess (:attr:`verification.signals.Signal.bounded`).
    ``expected`` is what the candidate would give each record if it had never seen it; attacks
    on the candidate are read against it. ``confidence`` is the candidate's (:func:`confidence`).
    """

    original: Scores
    after: Scores
    expected: Scores
    confidence: float = 1.0

    @classmethod
    def of(cls, context: Context) -> Gap:
        """Measure both models, from the same signals as the membership attacks.

        What to expect of a fact is what the same model says of it under strangers' names, if at
        least half of what the original had memorised hangs on the name; else what is learned from
        the words of the twins' records. The original alone decides which.
        """
        worded = cls.worded(context)
        asked = [stranger_scores(context, model) for model in (context.original, context.candidate)]
        if asked[0] is None or asked[1] is None:
            return worded
        scores = _plain(context, context.original)
        named = _less(scores, asked[0])
        forget = [record.id for record in context.records.forget if record.id in scores]
        total = sum(worded.original[item] for item in forget)
        if total <= 0.0 or sum(named[item] for item in forget) < NAMED * total:
            return worded
        after = _less(_plain(context, context.candidate), asked[1])
        return cls(named, after, asked[1], worded.confidence)

    @classmethod
    def worded(cls, context: Context) -> Gap:
        """Measure both models against what is learned from the words of the twins' records.

        Noisier, but it sees what a model says of a fact under any name whatever too.
        """
        parts = []
        for model in (context.original, context.candidate):
            plain = _plain(context, model)
            twins = {item.id: plain[item.id] for item in context.records.twins if item.id in plain}
            forget, forms = context.records.forget, context.trained_forms
            expected = difficulty(twins, context.records.twin_subjects, forget, forms)
            parts.append((_less(plain, expected), expected))
        (original, _), (after, expected) = parts
        return cls(original, after, expected, confidence(context))


def confidence(context: Context) -> float:
    """Return how sure the candidate is of what stays, as a share of the original's, at most 1.

    The mean bounded log-probability of retained answers above that of never-trained ones. 1 where
    no record stays that could be asked.
    """
    kept = [*context.records.neighbours, *context.records.retain]
    if len(kept) > KEPT:
        rng = np.random.default_rng([context.job.seed, 23])
        kept = [kept[place] for place in sorted(rng.choice(len(kept), KEPT, replace=False))]
    above = []
    for model in (context.original, context.candidate):
        known = scores_of(context, model, kept)
        if not known:
            return 1.0
        twins = _plain(context, model)
        unseen = [twins[item.id] for item in context.records.twins if item.id in twins]
        above.append(float(np.mean([row["bounded"] for row in known.values()]) - np.mean(unseen)))
    original, candidate = above
    return float(np.clip(candidate / original, LEAST, 1.0)) if original > 0.0 else 1.0


def _plain(context: Context, model: CausalLM) -> dict[str, float]:
    """Return each fact's mean log-probability, bounded by a blind guess."""
    scores = scores_of(context, model, [*context.records.forget, *context.records.twins])
    return {record: row["bounded"] for record, row in scores.items()}


def _less(scores: Scores, expected: Scores) -> dict[str, float]:
    return {record: scores[record] - expected[record] for record in scores}


def gap_estimate(
    context: Context,
    gap: Gap,
    scores: Scores,
    name: str,
    twins: Sequence[Sequence[Record]] | None = None,
) -> Estimate:
    """Return the residual fraction of ``scores``, with one-sided bounds at the profile's level.

    The bounds are those of a two-sided interval at confidence 1 - 2 alpha, so that a pass (upper
    bound within the margin) is a test at level alpha. ``twins`` are groups by data subject, the
    job's by default; records without a score are left out.

    Raises:
        NoGapError: if the original has no memorisation gap.
    """
    groups = context.records.twin_subjects if twins is None else twins
    forget = [record.id for record in context.records.forget if record.id in scores]
    ids = [[record.id for record in group if record.id in scores] for group in groups]
    ids = [group for group in ids if group]
    value, low, high = residual_fraction_against_twins(
        [scores[item] / gap.confidence for item in forget],
        [gap.original[item] for item in forget],
        [np.array([scores[item] for item in group]) / gap.confidence for group in ids],
        [np.array([gap.original[item] for item in group]) for group in ids],
        confidence=1.0 - 2.0 * context.profile.alpha,
        seed=context.job.seed,
    )
    return Estimate(name, value, low, high, context.profile.residual)


def gap_verdict(estimate: Estimate, *, over_forgetting: bool) -> tuple[Verdict, tuple[str, ...]]:
    """Hold an estimate against its margin.

    A pass needs the upper bound within the margin. With ``over_forgetting`` the estimate itself
    may not lie below minus the margin either, and bounds wholly below it fail; that side is
    *tested* by the two-sided equivalence of the membership check.
    """
    margin = estimate.margin or 0.0
    low = estimate.value if estimate.low is None else estimate.low
    high = estimate.value if estimate.high is None else estimate.high
    bounds = f"{estimate.name}: {estimate.value:.0%}, between {low:.0%} and {high:.0%}"
    if low > margin:
        return Verdict.FAIL, (f"{bounds}; more than {margin:.0%} is left",)
    if over_forgetting and high < -margin:
        reason = "the records were made stranger than a stranger's, which gives the person away too"
        return Verdict.FAIL, (f"{bounds}; {reason}",)
    if over_forgetting and estimate.value < -margin:
        reason = "the records may have been made stranger than a stranger's"
        return Verdict.INCONCLUSIVE, (f"{bounds}; {reason}; more records would settle it",)
    if high <= margin:
        return Verdict.PASS, ()
    reason = f"at most {margin:.0%} could not be shown"
    return Verdict.INCONCLUSIVE, (f"{bounds}; {reason}; more records or twins would settle it",)
