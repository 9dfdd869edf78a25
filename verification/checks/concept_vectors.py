"""Are the vectors that held the person's facts still there, and do they still work?

In the original, the MLP value vectors are searched whose removal costs the model this person's
answers and not the neighbours' (:mod:`verification.elicitation`). In the candidate, those
vectors are compared with the original's (cosine, relative L2 distance, overlap of the tokens
they promote under each model's own unembedding; ConceptVectors, arXiv 2406.11614), and disturbed
by noise in both models: while they carry the facts, the person's answers suffer and the
neighbours' do not. Then the causal question is asked: put back, do they bring the facts back? If
so, the rest of the model still points at them. The answer is measured like relearning: the share
of the memorisation gap that is there afterwards, against never-trained twins in the same patched
model.

Limits: a person's facts often have no vectors of their own; then the question has no meaning
(not applicable), and nothing is shown. Similarity alone decides nothing: a moved vector may
still work, an unmoved one may have lost its inputs.
"""

from __future__ import annotations

import numpy as np
import torch
from pydantic.dataclasses import dataclass
from torch.nn import functional

from contract.record import FROZEN
from contract.report import CheckResult, Estimate, Verdict
from verification.attacks.noise_vectors import noise_vectors
from verification.attacks.restore_vectors import restore_vectors
from verification.elicitation import Elicited, Search, elicit, other_facts, same_shapes
from verification.facts import column, scores_of
from verification.families.causal_lm import CausalLM
from verification.gap import Gap, gap_estimate, gap_verdict
from verification.registry import check
from verification.spec import Context, UnansweredError
from verification.statistics import NoGapError

TITLE = "Concept vectors: do the vectors that held the facts still work?"
NOTHING = "This person's facts sit in no part of the model that could be tested by itself."


@dataclass(frozen=True, config=FROZEN)
class Settings:
    """``candidates`` vectors are tried; ``tokens`` of each are compared; ``twin_subjects`` asked.

    ``noise`` is the deviation of the disturbance, ``vocabulary`` the largest share of all tokens
    that may be compared. ``effect`` (nats a token) and ``ratio`` say from when on a set of
    vectors is the person's own.
    """

    candidates: int = 64
    neighbours: int = 24
    effect: float = 0.05
    ratio: float = 3.0
    tokens: int = 200
    vocabulary: float = 0.05
    noise: float = 0.1
    twin_subjects: int = 6


@check(
    title=TITLE,
    question="Are the parts of the model that held the facts gone, or only disconnected?",
    source="ConceptVectors (arXiv 2406.11614); Geva et al. (arXiv 2012.14913)",
    access="weights",
)
def concept_vectors(context: Context, settings: Settings) -> tuple[CheckResult, ...]:
    """Find the vectors in the original, compare them in the candidate and put them back."""
    search = Search(
        candidates=settings.candidates,
        neighbours=settings.neighbours,
        effect=settings.effect,
        ratio=settings.ratio,
    )
    if not same_shapes(context.original, context.candidate):
        raise UnansweredError(NOTHING, "the two models have parts of different shapes")
    if not context.records.neighbours and not context.records.retain:
        raise UnansweredError(NOTHING, "there are no retained records to tell vectors apart by")
    found = elicit(context, search)
    if found.cost < search.effect or found.cost < search.ratio * found.neighbour_cost:
        reason = (
            "no set of value vectors belongs to this person alone: taking the best one out costs "
            f"{found.cost:.2f} nats a token here and {found.neighbour_cost:.2f} next to it"
        )
        raise UnansweredError(NOTHING, reason)
    try:
        return (_judged(context, settings, found),)
    except NoGapError as error:
        reason = "the original shows no memorisation gap"
        raise UnansweredError(NOTHING, reason) from error


def _judged(context: Context, settings: Settings, found: Elicited) -> CheckResult:
    restored = restore_vectors(
        context.candidate, context.original, found.units, f"{context.candidate.key}+vectors"
    )
    twins = context.records.twin_subjects[: settings.twin_subjects]
    asked = [*context.records.forget, *(record for group in twins for record in group)]
    gap = Gap.of(context)
    scores = {
        record: row["bounded"] - gap.expected[record]
        for record, row in scores_of(context, restored, asked).items()
    }
    label = "Share of the memorisation that is there with the vectors put back"
    estimate = gap_estimate(context, gap, scores, label, twins)
    verdict, reasons = gap_verdict(estimate, over_forgetting=False)
    return CheckResult(
        check="concept_vectors",
        title=TITLE,
        verdict=verdict,
        reading=_reading(verdict, estimate, found),
        reasons=reasons,
        estimates=(
            estimate,
            *_similarity(context, found, settings),
            *_disturbed(context, context.candidate, settings, found),
        ),
        before=(
            Estimate("Cost of taking the vectors out, this person (nats a token)", found.cost),
            Estimate("Cost of taking the vectors out, neighbours", found.neighbour_cost),
            Estimate("Vectors found", float(found.count)),
            *_disturbed(context, context.original, settings, found),
        ),
        records=len(context.records.forget),
        controls=sum(map(len, twins)),
    )


def _disturbed(
    context: Context, model: CausalLM, settings: Settings, found: Elicited
) -> tuple[Estimate, ...]:
    """Return what noise on the vectors costs the person's and the neighbours' answers."""
    forms = context.trained_forms
    sets = {
        "this person": context.records.forget,
        "neighbours": other_facts(context, settings.neighbours),
    }
    costs: dict[str, list[float]] = {name: [] for name in sets}
    for seed in context.profile.seeds:
        key = f"{model.key}+noise-{seed}"
        noisy = noise_vectors(model, found.units, settings.noise, seed, key)
        for name, records in sets.items():
            before = column(scores_of(context, model, records, forms), records, "bounded")
            after = column(scores_of(context, noisy, records, forms), records, "bounded")
            costs[name].append(float((before - after).mean()))
        context.signals.drop(noisy)
    return tuple(
        Estimate(f"Cost of noise on the vectors, {name} (nats a token)", float(np.mean(values)))
        for name, values in costs.items()
    )


def _similarity(context: Context, found: Elicited, settings: Settings) -> tuple[Estimate, ...]:
    """Return mean cosine, mean relative L2 distance and mean Jaccard overlap of top tokens."""
    sizes = (context.original.vocabulary, context.candidate.vocabulary)
    tokens = max(1, min(settings.tokens, int(settings.vocabulary * min(sizes))))
    before, after = context.original.value_matrices(), context.candidate.value_matrices()
    with torch.inference_mode():
        old = torch.cat([before[name][rows].float() for name, rows in found.units.items()])
        new = torch.cat([after[name][rows].float() for name, rows in found.units.items()])
        cosine = functional.cosine_similarity(old, new).mean()
        distance = ((new - old).norm(dim=1) / old.norm(dim=1).clamp_min(1e-12)).mean()
        pairs = zip(
            context.original.top_tokens(old, tokens),
            context.candidate.top_tokens(new, tokens),
            strict=True,
        )
        overlap = np.mean([len(one & two) / len(one | two) for one, two in pairs])
    return (
        Estimate("Cosine of the vectors, original and candidate", float(cosine)),
        Estimate("Relative L2 distance of the vectors", float(distance)),
        Estimate(f"Overlap of their {tokens} top tokens (Jaccard)", float(overlap)),
    )


def _reading(verdict: Verdict, estimate: Estimate, found: Elicited) -> str:
    text = f"{found.count} value vector(s) of the original held facts of this person alone"
    if verdict is Verdict.FAIL:
        return (
            f"{text}. Put back into the new model they bring {estimate.value:.0%} of the "
            "memorisation back: the rest of the model still points at them."
        )
    if verdict is Verdict.PASS:
        return f"{text}. Put back into the new model they bring nothing back."
    return f"{text}. Whether they bring the facts back when put back is not certain."
