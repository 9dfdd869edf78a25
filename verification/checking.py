"""Run the steps of a plan: checks as they are first, then checks on attacked copies.

Attacks make one copy at a time and every check that wants it is run on it before the next. Each
result says what it cost: the forward passes, tokens and seconds that were not spent before (the
making of an attacked copy goes with the first check on it).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from contract.report import CheckResult, Verdict
from contract.result import ErrorCode, JobError
from verification.plan import Step
from verification.registry import Attack
from verification.signals import NotFiniteError, Signals
from verification.spec import Context, Tampered
from verification.stored import Stored


@dataclass
class Meter:
    """What the models were asked since the last reading."""

    signals: Signals
    _at: tuple[int, int, float] = field(init=False)

    def __post_init__(self) -> None:
        self._at = self._now()

    def _now(self) -> tuple[int, int, float]:
        return self.signals.forward_passes, self.signals.tokens, time.monotonic()

    def billed(self, results: tuple[CheckResult, ...]) -> tuple[CheckResult, ...]:
        """Return the results with their cost; several share the seconds, the first has the rest."""
        before, self._at = self._at, self._now()
        passes, tokens, seconds = (now - then for now, then in zip(self._at, before, strict=True))
        each = round(seconds / max(len(results), 1), 3)
        return tuple(
            replace(
                result,
                forward_passes=0 if place else int(passes),
                tokens=0 if place else int(tokens),
                seconds=each,
            )
            for place, result in enumerate(results)
        )


def run_steps(context: Context, steps: Sequence[Step], stored: Stored) -> tuple[CheckResult, ...]:
    """Return the results of all steps, in the order of the plan, attacks last."""
    plain = [step for step in steps if step.attack is None]
    attacks = list(dict.fromkeys(step.attack for step in steps if step.attack))
    meter = Meter(context.signals)
    results: list[CheckResult] = []
    total = len(plain) + len(attacks)
    for done, step in enumerate(plain):
        _announce(context, step.check.card.title, done, total)
        found = stored.read(step, None)
        if found is None:
            found = meter.billed(_found(context, step))
            stored.write(step, None, found)
        results += found
    for done, attack in enumerate(attacks, start=len(plain)):
        _announce(context, attack.card.title, done, total)
        own = [step for step in steps if step.attack is attack]
        results += _attacked(context, attack, own, stored, meter)
    return tuple(results)


def _announce(context: Context, title: str, done: int, total: int) -> None:
    context.signals.pulse()
    context.events.emit("checking", title, done=done, total=total)


def _attacked(
    context: Context, attack: Attack[object], steps: Sequence[Step], stored: Stored, meter: Meter
) -> Iterator[CheckResult]:
    """Yield the results of the checks on every copy the attack makes that somebody asks for."""
    missing = []
    for step in steps:
        found = stored.read(step, step.label) if step.label else None
        yield from found or ()
        if found is None:
            missing.append(step)
    labels = frozenset(step.label for step in missing if step.label)
    wanted = labels if len(labels) == len({step.label for step in missing}) else frozenset()
    if not missing:
        return
    unseen = set(labels)
    try:
        for tampered in attack.run(
            replace(context, wanted=wanted), attack.settings.validate_python({})
        ):
            unseen.discard(tampered.label)
            yield from _on(context, tampered, missing, stored, meter)
            context.signals.drop(tampered.model)
    except (NotFiniteError, JobError) as error:
        why = _reason(error)
        broken = unseen or {attack.card.name.replace("_", "-")}
        for step in missing:
            for label in sorted(broken):
                if step.covers(label) or not unseen:
                    yield _impossible(step, label, why)


def _on(
    context: Context, tampered: Tampered, steps: Sequence[Step], stored: Stored, meter: Meter
) -> Iterator[CheckResult]:
    for step in steps:
        if not step.covers(tampered.label):
            continue
        found = stored.read(step, tampered.label)
        if found is None:
            context.signals.pulse()
            found = meter.billed(_found(context.under(tampered), step))
            stored.write(step, tampered.label, found)
        yield from found


def _found(context: Context, step: Step) -> tuple[CheckResult, ...]:
    """Run one check; on an attacked copy its results carry the attack's label."""
    settings = step.check.settings.validate_python({})
    if context.attack is None:
        try:
            return step.check.run(context, settings)
        except JobError as error:
            return (_impossible(step, None, _reason(error)),)
    try:
        results = step.check.run(context, settings)
    except (NotFiniteError, JobError) as error:
        results = (_impossible(step, None, _reason(error)),)
    return tuple(replace(result, attack=context.attack) for result in results)


def _reason(error: NotFiniteError | JobError) -> str:
    """Return the sentence of what cannot be done here; raises what ends the verification."""
    if isinstance(error, NotFiniteError):
        return f"after the attack {error}"
    if error.code is not ErrorCode.NOT_SUPPORTED:
        raise error
    return error.message


def _impossible(step: Step, label: str | None, why: str) -> CheckResult:
    return CheckResult(
        check=step.check.card.name,
        title=step.check.card.title,
        verdict=Verdict.INCONCLUSIVE,
        reading="This could not be carried out, so nothing is known about it.",
        reasons=(why,),
        attack=label,
    )
