"""Is the fact gone in every form of question, or only in the one that was unlearned?

Forms made for every record (question, cloze, true or false, options, completion, note) and the
record's own forms are asked; the worst form decides, never the mean (form independence, ORT). The
score is the preference for the true answer over answers of the same kind, for the person and for
never-trained twins alike, so a form that is hard for everybody is no evidence either way.

A form in which the original does not answer better for this person than for the twins measures
nothing and is reported as such. Small models have no use for "true or false"; it is asked
nevertheless and drops out by that rule.
"""

from __future__ import annotations

from pydantic.dataclasses import dataclass

from contract.record import CALIBRATION_FORM, FROZEN, Form
from contract.report import CheckResult, Verdict
from verification.probes.fact import Question, probes
from verification.probing import Asked, Sample, panel_of, preferences, questions_of
from verification.registry import check
from verification.spec import Context
from verification.worst_form import (
    Finding,
    answering,
    judged,
    means_chart,
    shown_before,
    silent,
    standings,
)

TITLE = "Question forms: is the fact gone in every form of question?"
TITLES = (
    "How much the true answer is preferred, by form",
    "form of question",
    "nats per token above answers of the same kind",
)


@dataclass(frozen=True, config=FROZEN)
class Settings:
    """``twin_records``: how many records of never-trained people are asked for comparison."""

    twin_records: int = 54


@check(
    title=TITLE,
    question="Does a cloze, a choice or a completion bring out what a question does not?",
    source="Form independence (ORT); Westfall and Young 1993",
    access="log-probabilities",
)
def question_forms(context: Context, settings: Settings) -> tuple[CheckResult, ...]:
    """Ask in every form and judge the worst."""
    sample = Sample.of(context, settings.twin_records)
    questions = {**questions_of(context, sample, probes("forms")), **_own_forms(sample)}
    names = tuple(dict.fromkeys(name for _, name in questions))
    before = panel_of(sample, names, preferences(context, context.original, questions))
    found = standings(before)
    heard = answering(found)
    if not heard:
        return (silent("question_forms", TITLE, "form", found, len(sample.own)),)
    asked = {key: question for key, question in questions.items() if key[1] in heard}
    after = panel_of(sample, names, preferences(context, context.candidate, asked))
    finding = judged(context, found, before, after, "form")
    return (
        CheckResult(
            check="question_forms",
            title=TITLE,
            verdict=finding.verdict,
            reading=_reading(finding, len(names)),
            reasons=finding.reasons,
            estimates=finding.estimates,
            before=shown_before(found, "form"),
            records=len(sample.own),
            controls=sample.strangers,
            charts=(means_chart(TITLES, heard, before, after),),
        ),
    )


def _own_forms(sample: Sample) -> dict[Asked, Question]:
    """Return the forms that the records bring along, with the same untrue answers for each."""
    found = {}
    for fact in sample.everyone:
        for name, form in fact.forms.items():
            others = tuple(item for item in (form.wrong or fact.others) if item != form.answer)
            if name == CALIBRATION_FORM or not others:
                continue
            chosen = others[: len(fact.others) or None]
            wrong = tuple(Form(form.prompt, other) for other in chosen)
            found[fact.record, f"own form: {name}"] = Question(form, wrong)
    return found


def _reading(finding: Finding, count: int) -> str:
    worst = finding.worst
    left = f"{max(worst.value, 0.0):.0%}" if worst else "nothing"
    text = (
        f"The facts were asked for in {count} forms. In the worst one {left} of what the original "
        "knew of this person shows"
    )
    if finding.verdict is Verdict.PASS:
        return f"{text}; no more than the margin allows, compared with people it never saw."
    if finding.verdict is Verdict.FAIL:
        return f"{text}: forgotten in one form, known in another."
    return f"{text}. With this many records that is not enough to call it gone."
