"""The document's own vocabulary, in the language that is active while it is printed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from django.utils.dateformat import format as date_format
from django.utils.translation import get_language, gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from contract.catalog import Effect
from contract.page import numbers
from contract.report import Estimate, Verdict
from expunge.certificates.facts import ActorRole, Category, Disposition, Residual
from expunge.certificates.kinds import WORDING, Kind

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

VERDICTS: Mapping[Verdict, StrOrPromise] = {
    Verdict.PASS: _("Passed"),
    Verdict.FAIL: _("Failed"),
    Verdict.INCONCLUSIVE: _("Not decided"),
    Verdict.INVALID: _("Not valid"),
    Verdict.NOT_APPLICABLE: _("Not applicable"),
}
UNSPOKEN: Mapping[Verdict, StrOrPromise] = {
    Verdict.PASS: _("Nothing was found above the margin."),
    Verdict.FAIL: _("The records were found, or something else was, above the margin."),
    Verdict.INCONCLUSIVE: _("This does not settle whether the records are gone."),
    Verdict.INVALID: _("The result does not count: a condition was not met."),
    Verdict.NOT_APPLICABLE: _("There was nothing here that could have been removed."),
}
"""Said where the phrasebook cannot say the verifier's own sentence."""
EFFECTS: Mapping[Effect, StrOrPromise] = {
    Effect.EXACT: _("exact: the data takes no part in what is served"),
    Effect.REMOVAL: _("removal from the weights, to be shown by evidence"),
    Effect.WEIGHT_SUPPRESSION: _("suppression of answers in the weights"),
    Effect.SERVE_SUPPRESSION: _("suppression of answers where the model is served"),
}
ROLES: Mapping[ActorRole, StrOrPromise] = {
    ActorRole.REVIEWER: _("Reviewed by a data-protection officer"),
    ActorRole.APPROVER: _("Approved by a second person"),
    ActorRole.OPERATOR: _("Carried out by the platform"),
    ActorRole.VERIFIER: _("Attacked by the platform's verifier, a program of its own"),
}
CATEGORIES: Mapping[Category, StrOrPromise] = {
    Category.PERSONAL: _("personal data"),
    Category.HEALTH: _("health data"),
}
DISPOSITIONS: Mapping[Disposition, StrOrPromise] = {
    Disposition.KEPT_UNTIL_RETIRED: _(
        "The version it replaces is superseded, and stays in the registry until it is retired."
    ),
    Disposition.COVERED_BEFORE: _(
        "An erasure for an earlier request covered this scope; its evidence is given here."
    ),
    Disposition.WITHDRAWN: _("The version it replaces is withdrawn from service."),
    Disposition.DELETED: _("The files of the version it replaces are deleted."),
}
RESIDUALS: Mapping[Residual, StrOrPromise] = {
    Residual.INFLUENCE: _("This document does not prove the absence of any influence."),
    Residual.BACKUPS: _(
        "When the controller's backups of the old weights expire is not known to the platform."
    ),
    Residual.COPIES_ELSEWHERE: _(
        "Copies of the models outside the platform's registry (deployments, caches, adapters made "
        "by others) are not covered."
    ),
    Residual.OLD_WEIGHTS: _("The old weights still exist and still hold the data."),
}


@dataclass(frozen=True)
class Said:
    """How a kind of document speaks of itself, in the active language."""

    title: str
    lead: str
    shown: str
    not_shown: str
    outcome: str


def wording(kind: Kind) -> Said:
    """Return the words of a kind."""
    own = WORDING[kind]
    return Said(
        gettext(own.title),
        gettext(own.lead),
        gettext(own.shown),
        gettext(own.not_shown),
        gettext(own.outcome),
    )


def day(moment: date) -> str:
    """Return a day as the document writes it."""
    return date_format(moment, gettext("j F Y"))


def instant(moment: datetime) -> str:
    """Return a moment, in UTC, as the document writes it."""
    return gettext("%(day)s, %(time)s UTC") % {
        "day": day(moment),
        "time": moment.strftime("%H:%M"),
    }


def decimal(text: str) -> str:
    """Return a number with the decimal sign of the language."""
    return text.replace(".", ",") if _german() else text


def _german() -> bool:
    return (get_language() or "").startswith("de")


def quantity(value: float | None) -> str:
    """Return a number as the pages write it."""
    return decimal(numbers.quantity(value))


def percent(value: float) -> str:
    """Return a share in percent."""
    return decimal(f"{value * 100:.3g}") + ("\u00a0%" if _german() else "%")


def duration(seconds: float) -> str:
    """Return a duration as the pages say it."""
    return decimal(numbers.duration(seconds, "\u00a0"))


def interval(estimate: Estimate) -> str:
    """Return the confidence interval of an estimate."""
    low, high = estimate.low, estimate.high
    if low is not None and high is not None:
        return gettext("%(low)s to %(high)s") % {"low": quantity(low), "high": quantity(high)}
    if low is not None:
        return gettext("at least %(low)s") % {"low": quantity(low)}
    return (
        quantity(None) if high is None else gettext("at most %(high)s") % {"high": quantity(high)}
    )


PAGE = pgettext_lazy("of a document", "Page")
