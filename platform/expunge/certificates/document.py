"""A statement as its reader meets it: words, rows and charts, made from the statement alone.

The templates only place what stands here. It is read under the language of the statement
(:func:`expunge.certificates.pdf.render_pdf` activates it).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext, ngettext

from contract.report import Report, Verdict
from expunge.certificates.facts import Disposition, ExemptionFacts, Residual
from expunge.certificates.kinds import Kind
from expunge.certificates.predicate import Predicate, StatedModel
from expunge.certificates.readings import (
    AttemptView,
    ChartView,
    CheckView,
    attempt_view,
    charts,
    check_view,
    forests,
    gate_views,
)
from expunge.certificates.translated import Speaker
from expunge.certificates.words import (
    CATEGORIES,
    DISPOSITIONS,
    RESIDUALS,
    ROLES,
    Said,
    day,
    instant,
    percent,
    wording,
)
from expunge.common.errors import DomainError
from expunge.tickets.citations import cited
from expunge.tickets.regimes import regime_named

FIRST_PAGE = 3
"""Of so many models the first page says how; of all of them the pages after it do."""


@dataclass(frozen=True)
class Row:
    """A name and what stands beside it."""

    name: str
    text: str


@dataclass(frozen=True)
class ModelView:
    """One model: before and after, its attempts, and the verification that decided."""

    title: str
    facts: StatedModel
    kind: Kind
    outcome: str
    decided_by: str
    report: Report | None
    attempts: Sequence[AttemptView]
    checks: Sequence[CheckView]
    gates: Sequence[Sequence[str]]
    charts: Sequence[ChartView]
    disposition: str
    how: str
    sure: str


@dataclass(frozen=True)
class Document:
    """The whole page model of a statement."""

    said: Predicate
    wording: Said
    right: str
    person: str
    issued: str
    issued_on: str
    requested: str
    completed: str
    models: Sequence[ModelView]
    limits: Sequence[str]
    exemptions: Sequence[tuple[str, str, str]]
    people: Sequence[Row]
    recipients: Sequence[Row]
    residuals: Sequence[str]
    left_out: int

    @property
    def how(self) -> Sequence[Row]:
        """Return how each model was treated."""
        return self._each([(model.facts.name, model.how) for model in self.models])

    @property
    def sure(self) -> Sequence[Row]:
        """Return how much each outcome weighs."""
        return self._each([(model.facts.name, model.sure) for model in self.models])

    def _each(self, said: Sequence[tuple[str, str]]) -> Sequence[Row]:
        """Return the same sentence about every model once, and the first page's share of others."""
        if len({text for _, text in said}) <= 1:
            return [Row("", text) for _, text in said[:1]]
        return [Row(name, text) for name, text in said[:FIRST_PAGE]]

    @property
    def records(self) -> int:
        """Return how many records were in scope."""
        return sum(part.records for part in self.said.scope)


def read_document(said: Predicate) -> Document:
    """Return the page model of what a statement says."""
    speaker = Speaker(said.language)
    models = [_model(model, speaker) for model in said.models]
    limits = [limit for model in models if model.report for limit in model.report.limits]
    records = sum(part.records for part in said.scope)
    return Document(
        said=said,
        wording=wording(said.kind),
        right=_right(said),
        person=ngettext(
            "%(count)s record (%(category)s) of the person whom the controller knows as ticket "
            "%(ticket)s. The name is not in this document.",
            "%(count)s records (%(category)s) of the person whom the controller knows as ticket "
            "%(ticket)s. The name is not in this document.",
            records,
        )
        % {"count": records, "category": CATEGORIES[said.category], "ticket": said.ticket},
        issued=instant(said.issued_at),
        issued_on=day(said.issued_at),
        requested=day(said.requested_on),
        completed=instant(said.completed_at),
        models=models,
        limits=list(dict.fromkeys(limits)),
        exemptions=[_exemption(said, item) for item in said.exemptions],
        people=[Row(str(ROLES[item.role]), day(item.on)) for item in said.people],
        recipients=_recipients(said),
        residuals=_residuals(said),
        left_out=speaker.left_out,
    )


def _model(model: StatedModel, speaker: Speaker) -> ModelView:
    """Return how one model and its attempts read."""
    deciding = model.deciding
    report = speaker.report(deciding.report) if deciding and deciding.report else None
    method = speaker.sentence(deciding.title, deciding.method) if deciding else ""
    return ModelView(
        title=_title(model),
        facts=model,
        kind=model.kind,
        outcome=wording(model.kind).outcome,
        decided_by=method or gettext("no attempt"),
        report=report,
        attempts=[attempt_view(attempt, speaker) for attempt in model.attempts],
        checks=[check_view(check) for check in report.checks] if report else [],
        gates=gate_views(report) if report else [],
        charts=[*forests(report), *charts(report)] if report else [],
        disposition=str(DISPOSITIONS[Disposition(model.disposition)]) if model.disposition else "",
        how=_how(model, method),
        sure=_sure(report),
    )


def _title(model: StatedModel) -> str:
    title = f"{model.name} v{model.version}"
    if model.after_version is None:
        return title
    return gettext("%(model)s, replaced by v%(version)s") % {
        "model": title,
        "version": model.after_version,
    }


def _how(model: StatedModel, method: str) -> str:
    """Return in a sentence how the model was treated."""
    if not model.attempts:
        return gettext("No method was tried.")
    count = len(model.attempts)
    words = gettext("%(method)s, by the only attempt.")
    if count > 1:
        words = gettext(
            "%(method)s, by the last of %(count)s attempts; the earlier ones are told below."
        )
    return words % {"method": method[:1].upper() + method[1:], "count": count}


def _sure(report: Report | None) -> str:
    """Return in two sentences how much the outcome weighs."""
    if report is None or report.failure:
        return gettext("Not tested: the verification could not be run.")
    deciding = [check for check in report.checks if check.mandatory]
    attacked = [check for check in deciding if check.attack]
    said = gettext(
        "%(checks)s checks decide, %(attacks)s of them after an attack on the model, under the "
        "profile %(profile)s, version %(version)s. %(records)s records were compared with "
        "%(twins)s of %(people)s people the model was never trained on."
    ) % {
        "checks": len(deciding),
        "attacks": len(attacked),
        "profile": report.profile,
        "version": report.profile_version,
        "records": report.records,
        "twins": report.twins,
        "people": report.twin_subjects,
    }
    if report.verdict is not Verdict.PASS:
        failed = gettext("The checks were not passed.")
        return f"{said} {failed}"
    level = gettext("A leak as large as a margin would be passed in at most %(level)s of cases.")
    return f"{said} {level % {'level': percent(report.alpha)}}"


def _right(said: Predicate) -> str:
    """Return the right that was exercised: law, ground and rule."""
    rule = cited(said.citation).replace("Art. ", "Art.\u00a0") if said.citation else ""
    try:
        own = regime_named(said.regime)
        law, words = str(own.title), str(own.ground(said.ground).label)
    except DomainError:  # a law of later days goes by its code
        law, words = said.regime.upper(), said.ground
    if law not in rule:
        words = f"{law}, {words}"
    return f"{words} ({rule})" if rule else words


def _exemption(said: Predicate, item: ExemptionFacts) -> tuple[str, str, str]:
    whole = gettext("all of it")
    part = f"{item.dataset}, {item.level or whole}"
    try:
        label = f"{regime_named(said.regime).exemption(item.code).label} ({cited(item.citation)})"
    except DomainError:
        label = cited(item.citation)
    return part, label, day(item.review_on)


def _recipients(said: Predicate) -> list[Row]:
    found = []
    for item in said.recipients:
        if item.acknowledged_on:
            text = gettext("told, and acknowledged on %(day)s") % {"day": day(item.acknowledged_on)}
        elif item.notified_on:
            text = gettext("told on %(day)s") % {"day": day(item.notified_on)}
        else:
            text = gettext("not told") if item.excuse else gettext("to be told")
        found.append(Row(item.name, text))
    return found


def _residuals(said: Predicate) -> list[str]:
    found = [str(RESIDUALS[Residual(item)]) for item in said.residuals]
    if said.backups_expire_on:
        found.append(
            gettext("The last backup that holds the old weights expires on %(day)s.")
            % {"day": day(said.backups_expire_on)}
        )
    return found
