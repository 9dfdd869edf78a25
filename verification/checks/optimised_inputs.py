"""Can an input be found that makes the model tell what it holds back?

Four searches, none of which changes a weight: a prefix of learned vectors, a push to every
embedding, a push at a middle layer, and a suffix of words (GCG). Each is made on a quarter of the
person's facts and of some twins' facts alike, and the other facts are asked of both, with three
seeds. An optimiser can make a model say any one text, so what it says of the facts that went into
the search shows nothing; what one prefix or push does to the *others*, more than to those of
people the model never saw, shows that they are inside. Held-out success of such attacks bounds
that of prompts written by people (Che et al., arXiv 2502.05209).

The statistic is that of relearning: the share of the original's memorisation gap that is there.

Limits: fixed, small budgets (in the settings, and preregistered). Finding nothing is weaker
evidence than that relearning finds nothing: these attacks have fewer numbers to work with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from pydantic.dataclasses import dataclass

from contract.record import FROZEN
from contract.report import CheckResult
from contract.result import ErrorCode, JobError
from verification.attacks import gcg, perturb, soft_prompt
from verification.families.causal_lm import CausalLM
from verification.gap import Gap
from verification.lessons import Lesson, Teaching, lessons_of
from verification.recovery import Asked, Attempt, recovery_result, unclear_result
from verification.registry import check
from verification.signals import NotFiniteError
from verification.spec import Context

NAME = "optimised_inputs"
TITLES = {
    soft_prompt.LABEL: "A learned prefix: does it make the model tell the facts?",
    perturb.EMBEDDING: "A push to the embeddings: does it make the model tell the facts?",
    perturb.LATENT: "A push inside the model: does it make it tell the facts?",
    gcg.LABEL: "A searched suffix of words: does it make the model tell the facts?",
}
AFTER = {
    soft_prompt.LABEL: "learning a prefix from a quarter of the facts",
    perturb.EMBEDDING: "learning a push to the embeddings from a quarter of the facts",
    perturb.LATENT: "learning a push inside the model from a quarter of the facts",
    gcg.LABEL: "searching a suffix with a quarter of the facts",
}


@dataclass(frozen=True, config=FROZEN)
class Settings:
    """``searches`` to make, and the budget of each."""

    teaching: Teaching = Teaching()
    searches: tuple[str, ...] = tuple(TITLES)
    prefix: soft_prompt.Settings = soft_prompt.Settings()
    push: perturb.Settings = perturb.Settings()
    suffix: gcg.Settings = gcg.Settings()


@check(
    title="Optimised inputs: can the model be made to tell the facts?",
    question="Does an input that was optimised on a few of the facts bring the others out?",
    source="Che et al. 2025 (arXiv 2502.05209); Schwinn et al. 2024 (arXiv 2402.09063)",
    access="gradients",
    own_attacks=True,
)
def optimised_inputs(context: Context, settings: Settings) -> tuple[CheckResult, ...]:
    """Make every search with every seed and read off what it brings out."""
    gap = Gap.of(context)
    made = _searches(context, settings)
    return tuple(_result(context, settings, gap, label, made[label]) for label in settings.searches)


def _searches(
    context: Context, settings: Settings
) -> Mapping[str, Callable[[Lesson], Iterator[tuple[int, CausalLM]]]]:
    """Return, by label, what makes the attacked model of a lesson."""
    model, signals = context.candidate, context.signals

    def prefix(lesson: Lesson) -> Iterator[tuple[int, CausalLM]]:
        how = settings.prefix
        yield how.steps, soft_prompt.soft_prompted(model, lesson, how, signals)

    def pushed(label: str) -> Callable[[Lesson], Iterator[tuple[int, CausalLM]]]:
        def push(lesson: Lesson) -> Iterator[tuple[int, CausalLM]]:
            how = settings.push
            yield how.steps, perturb.perturbed(model, label, lesson, how, signals)

        return push

    def suffix(lesson: Lesson) -> Iterator[tuple[int, CausalLM]]:
        how = settings.suffix
        yield how.steps, gcg.with_suffix(model, lesson, how, signals)

    return {
        soft_prompt.LABEL: prefix,
        perturb.EMBEDDING: pushed(perturb.EMBEDDING),
        perturb.LATENT: pushed(perturb.LATENT),
        gcg.LABEL: suffix,
    }


def _result(
    context: Context,
    settings: Settings,
    gap: Gap,
    label: str,
    search: Callable[[Lesson], Iterator[tuple[int, CausalLM]]],
) -> CheckResult:
    attempt = Attempt(NAME, label, TITLES[label], AFTER[label])
    context.events.emit(NAME, attempt.title)
    try:
        lessons = lessons_of(context, "forget", settings.teaching)
        asked = Asked.of(context, lessons, search, gap)
    except (NotFiniteError, JobError) as error:
        if isinstance(error, JobError) and error.code is not ErrorCode.NOT_SUPPORTED:
            raise
        why = str(error) if isinstance(error, NotFiniteError) else error.message
        return unclear_result(context, attempt, why)
    (steps,) = asked.after
    return recovery_result(context, gap, attempt, asked, steps)
