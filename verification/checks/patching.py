"""How deep does the forgetting go? The new model's inner states, put into the original.

The state of the candidate after layer ``l``, at the positions that predict the answer, replaces
the original's own there; if the original can still finish the answer from it, that state holds
the answer (Unlearning Depth Score, Lee et al. 2026, arXiv 2605.24614). With ``O`` what the
original gives the answer left alone, ``A_l`` with the candidate's state and ``B_l`` with a state
that knows nothing of the person, all in nats a token, mean over the person's facts:

    layers that count:   drop_l = O - B_l > threshold      (decided without the candidate)
    kept = sum_l max(A_l - B_l, 0) / sum_l (O - B_l)        1: nothing deleted, 0: as if unknown
    UDS  = 1 - sum_l drop_l * clip((O - A_l) / drop_l, 0, 1) / sum_l drop_l   as published, by fact

Ignorant states ``B_l`` come from the reference models, if there are any. Without, they are the
*original's own* states on the prompts of never-trained twins that ask for the same thing: the
original does not know those people, so what it holds at the answer there is the kind of fact and
not the fact (the corrupted run of causal tracing, with a stranger's name for noise). The answer
itself is forced in both, and positions of the prompt stay the original's.

States are only worth comparing while both models speak the same inner language. So the same
is measured on retained facts, which both should know: less than half of them readable means
that the question has no meaning here (not applicable), and ``kept`` is divided by what is
readable. That happens to models trained from scratch; a hidden rotation of all states has the
same effect, which is why this check never passes alone: the logit lens reads each model through
its own head.

Limits: what the original's upper layers add from its own prompt positions is in ``O`` and in
``B_l`` alike and therefore not counted; facts used only by other wordings are not asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass as plain_dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass

from contract.record import FROZEN, Record
from contract.report import Chart, CheckResult, Estimate, Verdict
from verification.gap import gap_verdict
from verification.registry import check
from verification.signals.anatomy import UnknownAnatomyError
from verification.signals.patching import Graft, misfit, patched
from verification.spec import Context, UnansweredError
from verification.statistics import bca_interval

TITLE = "Activation patching: how deep does the forgetting go?"
NOTHING = "The two models' inner states could not be compared; nothing is shown by this."
READABLE = 0.5
Floats = NDArray[np.float64]


@dataclass(frozen=True, config=FROZEN)
class Settings:
    """``threshold`` (nats a token): from when on a layer counts.

    ``strangers``: twin persons whose prompts stand in; ``retained``: facts asked as a control.
    """

    threshold: float = 0.05
    strangers: int = 3
    retained: int = 24


@plain_dataclass(frozen=True)
class Levels:
    """What the original gives the answers: [facts] alone, [facts, layers] with other states."""

    alone: Floats
    candidate: Floats
    ignorant: Floats

    def kept(self, layers: Sequence[int]) -> Floats:
        """Return rows [facts, 2 * layers] of ``A - B`` and ``O - B`` for the statistic."""
        columns = list(layers)
        held = (self.candidate - self.ignorant)[:, columns]
        return np.hstack([held, (self.alone[:, None] - self.ignorant)[:, columns]])

    def depth(self, layers: Sequence[int]) -> float:
        """Return the published score, mean over the facts that any layer encodes."""
        drop = np.maximum((self.alone[:, None] - self.ignorant)[:, list(layers)], 0.0)
        lost = np.clip((self.alone[:, None] - self.candidate)[:, list(layers)], 0.0, drop)
        encoded = drop.sum(axis=1) > 0.0
        return float(np.mean(lost[encoded].sum(axis=1) / drop[encoded].sum(axis=1)))


@check(
    title=TITLE,
    question="Can the original finish the answers from the new model's inner states?",
    source="Lee et al. 2026 (arXiv 2605.24614), with twins in place of retrained models",
    access="hidden states",
)
def patching(context: Context, settings: Settings) -> tuple[CheckResult, ...]:
    """Patch the candidate's states into the original, layer by layer."""
    models = (context.candidate, *context.references)
    reasons = [why for model in models if (why := misfit(context.original, model))]
    if reasons:
        raise UnansweredError(NOTHING, reasons[0])
    others = _others(context, settings.retained)
    if not others:
        raise UnansweredError(NOTHING, "there are no retained records to calibrate by")
    try:
        own, rest = (_levels(context, settings, item) for item in (context.records.forget, others))
    except UnknownAnatomyError as error:
        raise UnansweredError(NOTHING, str(error)) from error
    drops = (own.alone[:, None] - own.ignorant).mean(axis=0)
    layers = [layer for layer, drop in enumerate(drops) if drop > settings.threshold]
    if not layers:
        reason = "the original gives the answers no more than it gives from a stranger's states"
        raise UnansweredError(NOTHING, reason)
    readable = float(_share(rest.kept(layers)))
    if readable < READABLE:
        reason = (
            f"only {max(readable, 0.0):.0%} of retained facts can be read from the new model's "
            "states: the two models share no inner language (as after training from scratch)"
        )
        raise UnansweredError(NOTHING, reason)
    return (_judged(context, own, layers, min(readable, 1.0)),)


def _others(context: Context, count: int) -> tuple[Record, ...]:
    pool = context.records.neighbours or context.records.retain
    rng = np.random.default_rng([context.job.seed, 4])
    return tuple(pool[index] for index in rng.permutation(len(pool))[:count])


def _levels(context: Context, settings: Settings, records: Sequence[Record]) -> Levels:
    """Patch all three kinds of states for the first trained form of each record."""
    forms = [
        record.forms[name]
        for record in records
        for name in context.trained_forms[:1]
        if name in record.forms
    ]
    plain = [Graft(form.prompt, form.answer, form.prompt) for form in forms]
    signals, original = context.signals, context.original
    seen = patched(signals, original, context.candidate, plain)
    if context.references:
        runs = [patched(signals, original, model, plain) for model in context.references]
    else:
        strangers = _strangers(context, [form.prompt for form in forms], settings.strangers)
        runs = [
            patched(
                signals,
                original,
                original,
                [Graft(f.prompt, f.answer, p) for f, p in zip(forms, prompts, strict=True)],
            )
            for prompts in strangers
        ]
    ignorant = np.mean([run[:, 1:] for run in runs], axis=0)
    return Levels(seen[:, 0], seen[:, 1:], ignorant)


def _strangers(context: Context, prompts: Sequence[str], count: int) -> list[list[str]]:
    """Return, for ``count`` twin persons, the prompt of theirs nearest in words to each prompt."""
    name = context.trained_forms[0]
    rng = np.random.default_rng([context.job.seed, 5])
    people = context.records.twin_subjects
    chosen = [people[index] for index in rng.permutation(len(people))[:count]]
    found = []
    for person in chosen:
        theirs = [record.forms[name].prompt for record in person if name in record.forms]
        found.append([max(theirs, key=lambda text: _overlap(text, own)) for own in prompts])
    return found


def _overlap(one: str, two: str) -> float:
    first, second = set(one.split()), set(two.split())
    return len(first & second) / max(len(first | second), 1)


def _share(rows: Floats) -> Floats:
    """Return ``kept`` of rows [..., facts, 2 * layers]."""
    means = rows.mean(axis=-2)
    half = means.shape[-1] // 2
    held, whole = means[..., :half], means[..., half:]
    return np.asarray(np.maximum(held, 0.0).sum(axis=-1) / whole.sum(axis=-1))


def _judged(context: Context, own: Levels, layers: Sequence[int], readable: float) -> CheckResult:
    profile = context.profile
    found = bca_interval(own.kept(layers), _share, 1.0 - 2.0 * profile.alpha, context.job.seed)
    value, low, high = (part / readable for part in found)
    label = "Share of the answers that the inner states still hold"
    estimate = Estimate(label, value, low, high, profile.residual)
    verdict, reasons = gap_verdict(estimate, over_forgetting=False)
    return CheckResult(
        check="patching",
        title=TITLE,
        verdict=verdict,
        reading=_reading(verdict, value, len(layers)),
        reasons=reasons,
        estimates=(
            estimate,
            Estimate("Unlearning depth score (1: as if unknown, 0: intact)", own.depth(layers)),
            Estimate("Share of retained facts readable from the states", readable),
            Estimate("Layers that encode the answers", float(len(layers))),
        ),
        records=len(own.alone),
        controls=len(context.records.twins),
        charts=(_chart(own),),
    )


def _reading(verdict: Verdict, kept: float, layers: int) -> str:
    where = f"Put into the {layers} layer(s) of the original that hold the answers"
    if verdict is Verdict.FAIL:
        return (
            f"{where}, the new model's inner states let it finish {kept:.0%} of what it knew: the "
            "facts are still computed inside the new model."
        )
    if verdict is Verdict.PASS:
        return f"{where}, the new model's inner states hold no more than a stranger's."
    return f"{where}, the new model's inner states hold about {kept:.0%}; that is not certain."


def _chart(own: Levels) -> Chart:
    layers = own.candidate.shape[1]
    series = {
        "with the new model's state": own.candidate.mean(axis=0),
        "with a state that knows nothing": own.ignorant.mean(axis=0),
        "the original alone": np.full(layers, own.alone.mean()),
    }
    return Chart(
        kind="curve",
        title="What the original gives the answers, with states put in after each layer",
        x_label="layer",
        y_label="log-probability of the answers (nats per token)",
        x=tuple(float(layer + 1) for layer in range(layers)),
        series={name: tuple(map(float, values)) for name, values in series.items()},
    )
