"""Does the knowledge come back when the model is trained a little further?

Four kinds of lessons (:mod:`verification.lessons`): on a quarter of the person's facts, on
retained records about the same topic, on text about nobody, and on any retained records; each on
all weights and with a LoRA adapter, looked at after 16 and after 100 steps of the same run, with
three seeds. The facts that were not in the lesson are asked.

What matters is not how much the loss moves, but whether it moves further than for someone who
was never there, so twins are treated alike *in the same run*. In a model that never saw the
person, the person is just one more twin. In a model that merely hides the facts, training on a
few of them brings the others back (Lynch et al., arXiv 2402.16835; Deeb and Roger, arXiv
2410.08827; Che et al., arXiv 2502.05209), and often training on anything else does. The statistic
is the share of the original's memorisation gap that is there after the attack.

Only attacks that the profile (or the job) names are run, or all of them when it names none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic.dataclasses import dataclass

from contract.record import FROZEN
from contract.report import CheckResult
from contract.result import ErrorCode, JobError
from verification.attacks.relearn import Relearning, default_rate, relearn
from verification.families.causal_lm import CausalLM
from verification.gap import Gap
from verification.lessons import KINDS, Lesson, Teaching, lessons_of
from verification.recovery import Asked, Attempt, recovery_result, unclear_result
from verification.registry import check
from verification.signals import NotFiniteError
from verification.spec import Context

NAME = "relearning"
TITLES = {
    "forget": "Relearning from a quarter of the facts: do the others come back?",
    "topic": "Further training on records about the same topic: do the facts come back?",
    "benign": "Further training on text about nobody: do the facts come back?",
    "retain": "Further training on unrelated records: do the facts come back?",
}
DATA = {
    "forget": "a quarter of the facts",
    "topic": "other people's records about the same topic",
    "benign": "text about nobody",
    "retain": "unrelated records",
}


@dataclass(frozen=True, config=FROZEN)
class Settings:
    """``marks``: steps after which the model is asked. ``rank``: that of a LoRA adapter.

    ``learning_rate`` is absent for the default of the model's size (an adapter's is faster).
    """

    teaching: Teaching = Teaching()
    kinds: tuple[str, ...] = KINDS
    marks: tuple[int, ...] = (16, 100)
    batch: int = 16
    rank: int = 8
    learning_rate: float | None = None


@dataclass(frozen=True)
class Way:
    """One run of training: its data, its adapter's rank (0: none) and what is read off at marks."""

    kind: str
    rank: int
    attempts: Mapping[int, Attempt]


@check(
    title="Relearning: do the facts come back when the model is trained further?",
    question="Does training on a few of the facts, or on unrelated data, bring the others back?",
    source="Lynch et al. 2024 (arXiv 2402.16835); Deeb and Roger 2024 (arXiv 2410.08827)",
    access="fine-tuning",
    own_attacks=True,
)
def relearning(context: Context, settings: Settings) -> tuple[CheckResult, ...]:
    """Run the attacks that are asked for and read each off at every mark."""
    gap = Gap.of(context)
    results: list[CheckResult] = []
    for kind in settings.kinds:
        for rank in (0, settings.rank):
            way = Way(kind, rank, dict(_attempts(context, settings, kind, rank)))
            if way.attempts:
                context.events.emit(NAME, TITLES[kind])
                results += _results(context, settings, way, gap)
    return tuple(results)


def _attempts(
    context: Context, settings: Settings, kind: str, rank: int
) -> Iterator[tuple[int, Attempt]]:
    """Yield, by mark, the attacks with that data and those weights that somebody asks for."""
    named = _named(context)
    adapter = " (LoRA)" if rank else ""
    for mark in settings.marks:
        label = f"relearn-{kind}{'-lora' if rank else ''}-{mark}"
        if not named or label in named:
            after = f"{mark} steps of training{adapter} on {DATA[kind]}"
            yield mark, Attempt(NAME, label, TITLES[kind], after)


def _named(context: Context) -> frozenset[str]:
    """Return the labels of this check's attacks that are asked for; empty for all of them."""
    demands = (*context.profile.requirements, *context.profile.diagnostics)
    named = {item.attack or "" for item in demands if item.check == NAME}
    also = (name.partition("+") for name in context.job.also)
    named |= {label for check, _, label in also if check == NAME}
    return frozenset() if "" in named else frozenset(named)


def _results(context: Context, settings: Settings, way: Way, gap: Gap) -> list[CheckResult]:
    def attacked(lesson: Lesson) -> Iterator[tuple[int, CausalLM]]:
        model = context.candidate
        how = Relearning(
            marks=tuple(way.attempts),
            batch=settings.batch,
            seed=lesson.seed,
            learning_rate=settings.learning_rate or default_rate(model, way.rank),
            rank=way.rank,
        )
        key = f"{model.key}+relearn-{way.kind}-{way.rank}-{lesson.seed}"
        samples = lesson.samples(model)
        return relearn(model, samples, how, key, context.signals, like=context.original)

    try:
        lessons = lessons_of(context, way.kind, settings.teaching)
        asked = Asked.of(context, lessons, attacked, gap)
    except (NotFiniteError, JobError) as error:
        if isinstance(error, JobError) and error.code is not ErrorCode.NOT_SUPPORTED:
            raise
        why = str(error) if isinstance(error, NotFiniteError) else error.message
        return [unclear_result(context, attempt, why) for attempt in way.attempts.values()]
    return [
        recovery_result(context, gap, attempt, asked, mark)
        for mark, attempt in way.attempts.items()
    ]
