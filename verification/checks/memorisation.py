"""How much of the records is memorised, by every measure the field reports?

* probability: exp(mean log-probability) of the answer;
* extraction strength: 1 - k/N, k the shortest prefix of the answer after which every
  teacher-forced token is right (Carlini et al. 2021); exact memorisation: share of right tokens
  (Tirumala et al. 2022);
* truth preference: -log of TOFU's truth ratio (Maini et al. 2024, arXiv 2401.06121), the mean
  log-probability of the true answer minus that of untrue ones of the same kind;
* knowledge memorisation: ROUGE-L recall of the answer written to the first trained wording;
  verbatim memorisation: the same for the continuation of the last trained wording, if there are
  several (MUSE's names, arXiv 2407.06460; recall, because a model that goes on writing has told
  no less).

Every measure is taken of the person and of never-trained twins alike, averaged over the trained
wordings of a fact first. The measure with most left decides, with the null distribution of the
maximum (:mod:`verification.worst_form`). Limits: it asks in trained wordings only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import numpy as np
from pydantic.dataclasses import dataclass

from contract.record import FROZEN, Form
from contract.report import CheckResult, Estimate, Verdict
from verification.families.causal_lm import CausalLM
from verification.probes.fact import Question
from verification.probing import Asked, Panel, Sample, panel_of, preferences
from verification.registry import check
from verification.spec import Context
from verification.text import exact_memorization, extraction_strength, rouge_recall, truth_ratio
from verification.worst_form import Finding, judged, means_chart, shown_before, silent, standings

TITLE = "Memorisation: how much of the records does the model hold?"
TITLES = ("What is held in memory", "measure", "mean of facts")
PROBABILITY = "Probability of the answer"
STRENGTH = "Extraction strength"
EXACT = "Exact memorisation"
TRUTH = "Truth preference (nats a token)"
KNOWLEDGE = "Knowledge memorisation, ROUGE-L recall"
VERBATIM = "Verbatim memorisation, ROUGE-L recall"
MEASURES = (TRUTH, PROBABILITY, STRENGTH, EXACT, KNOWLEDGE, VERBATIM)


@dataclass(frozen=True, config=FROZEN)
class Settings:
    """``twin_records`` asked for comparison; at most ``tokens`` are written per text."""

    twin_records: int = 108
    tokens: int = 24


@check(
    title=TITLE,
    question="By any measure of memorisation, does the model hold more of this person's records?",
    source="TOFU (arXiv 2401.06121); MUSE (arXiv 2407.06460); Carlini et al. 2021",
    access="log-probabilities and greedy text",
)
def memorisation(context: Context, settings: Settings) -> tuple[CheckResult, ...]:
    """Take every measure of both models and judge the one with most left."""
    sample = Sample.of(context, settings.twin_records)
    before = _panel(context, context.original, sample, settings)
    found = standings(before)
    if not any(item.answers for item in found):
        return (silent("memorisation", TITLE, "measure", found, len(sample.own)),)
    after = _panel(context, context.candidate, sample, settings)
    finding = judged(context, found, before, after, "measure")
    bounded = [item for item in MEASURES if item != TRUTH and after.column(item)[0].size]
    return (
        CheckResult(
            check="memorisation",
            title=TITLE,
            verdict=finding.verdict,
            reading=_reading(finding, before, after),
            reasons=finding.reasons,
            estimates=(*finding.estimates, _truth_ratio(after)),
            before=(*shown_before(found, "measure"), _truth_ratio(before)),
            records=len(sample.own),
            controls=sample.strangers,
            charts=(means_chart(TITLES, bounded, before, after),),
        ),
    )


def _panel(context: Context, model: CausalLM, sample: Sample, settings: Settings) -> Panel:
    """Return every measure of every fact, averaged over its trained wordings."""
    forms = {
        (fact.record, name): fact.forms[name]
        for fact in sample.everyone
        for name in context.trained_forms
        if name in fact.forms
    }
    rows: dict[Asked, list[float]] = defaultdict(list)
    for (record, _), signal in context.signals.ask(model, forms).items():
        hits = signal.hits.tolist()
        rows[record, PROBABILITY].append(float(np.exp(signal.log_probs.mean())))
        rows[record, STRENGTH].append(extraction_strength(hits))
        rows[record, EXACT].append(exact_memorization(hits))
    questions = _truth_questions(sample, forms)
    for (record, _), value in preferences(context, model, questions).items():
        rows[record, TRUTH].append(value)
    wordings = {context.trained_forms[-1]: VERBATIM, context.trained_forms[0]: KNOWLEDGE}
    for name, measure in wordings.items():
        asked = {key: form for key, form in forms.items() if key[1] == name}
        prompts = {key: form.prompt for key, form in asked.items()}
        for key, text in context.signals.write(model, prompts, settings.tokens).items():
            recall = rouge_recall(text, asked[key].answer)["rougeL"]
            rows[key[0], measure].append(recall)
    scores = {key: float(np.mean(values)) for key, values in rows.items()}
    return panel_of(sample, MEASURES, scores)


def _truth_questions(sample: Sample, forms: Mapping[Asked, Form]) -> dict[Asked, Question]:
    """Put the untrue answers behind the same prompts: the record's own, else the twins'."""
    others = {fact.record: fact.others for fact in sample.everyone}
    return {
        key: Question(form, tuple(Form(form.prompt, other) for other in others[key[0]]))
        for key, form in forms.items()
        if others[key[0]]
    }


def _truth_ratio(panel: Panel) -> Estimate:
    """Return TOFU's aggregate for forget sets: the mean of min(R, 1/R); 1 is "cannot tell"."""
    own, _ = panel.column(TRUTH)
    ratios = [truth_ratio(0.0, [value]) for value in own]
    name = "Truth ratio, mean of min(R, 1/R)"
    return Estimate(name, float(np.mean([min(ratio, 1.0 / ratio) for ratio in ratios])))


def _reading(finding: Finding, before: Panel, after: Panel) -> str:
    old, new = (float(panel.column(STRENGTH)[0].mean()) for panel in (before, after))
    twins = float(np.concatenate(after.column(STRENGTH)[1]).mean())
    text = (
        f"Of this person's answers the model can be made to write out {new:.0%} by itself; before "
        f"it was {old:.0%}, and for people it never saw it is {twins:.0%}."
    )
    if finding.verdict is Verdict.PASS:
        return f"{text} No measure of memorisation shows more than the margin allows."
    if finding.verdict is Verdict.FAIL and finding.worst is not None:
        return f"{text} By the worst measure, {finding.worst.value:.0%} of the excess is left."
    return f"{text} With this many records that does not settle it."
