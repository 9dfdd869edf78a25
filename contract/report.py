"""``report.json``: what a verification tried, what it found and what it does not show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass

from contract.canonical import digest_json, read_json, write_json
from contract.record import FROZEN
from contract.result import Failure

REPORT_FILE = "report.json"
PREREGISTRATION_FILE = "preregistration.json"
OUTLOOK_FILE = "gates.json"


class Verdict(StrEnum):
    """The outcome of a check, a gate or a whole verification."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    INVALID = "invalid"
    NOT_APPLICABLE = "not_applicable"


class Tier(StrEnum):
    """What a passed verification may be called, weakest first."""

    BEHAVIOURAL = "behavioural"
    ERASURE = "erasure"
    EXACT = "exact"


@dataclass(frozen=True, config=FROZEN)
class Estimate:
    """A statistic with its confidence interval and the margin it is held against.

    ``null`` is the value for somebody whom the model never saw (one half for an AUC); the
    ``margin`` is the distance from it that is tolerated. ``p_leak`` is the p-value of "the person
    is still in"; ``p_equivalence`` that of "not shown to be like never-trained". ``None`` means
    not measured.
    """

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    margin: float | None = None
    p_leak: float | None = None
    p_equivalence: float | None = None
    null: float = 0.0


@dataclass(frozen=True, config=FROZEN)
class Chart:
    """Data of one before/after chart.

    ``kind`` is ``distribution`` (``bins`` edges, a share per bin and series), ``bars`` (a value
    per label and series) or ``curve`` (a value per x and series).
    """

    kind: Literal["distribution", "bars", "curve"]
    title: str
    x_label: str
    y_label: str
    x: tuple[float | str, ...]
    series: Mapping[str, tuple[float, ...]]


@dataclass(frozen=True, config=FROZEN)
class CheckResult:
    """One check, possibly after one attack (``attack``: relearn-forget-16 ...).

    ``estimates`` judge the candidate, ``before`` the same statistics on the original;
    ``reading`` is plain language for a data-protection officer; ``reasons`` say why the verdict
    is what it is and, when inconclusive, what would resolve it. ``mandatory`` checks decide.
    ``forward_passes``, ``tokens`` and ``seconds`` are what it cost; models answer each question
    once, so a pass that several checks read is counted with the check that asked first.
    """

    check: str
    title: str
    verdict: Verdict
    reading: str
    reasons: tuple[str, ...] = ()
    attack: str | None = None
    mandatory: bool = True
    estimates: tuple[Estimate, ...] = ()
    before: tuple[Estimate, ...] = ()
    records: int = 0
    controls: int = 0
    charts: tuple[Chart, ...] = ()
    forward_passes: int = 0
    tokens: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, config=FROZEN)
class Gate:
    """A condition without which no verdict means anything."""

    name: str
    title: str
    verdict: Verdict
    reason: str
    estimates: tuple[Estimate, ...] = ()


@dataclass(frozen=True, config=FROZEN)
class Preregistration:
    """What will be tested and how, fixed before the unlearned model is seen.

    ``plan`` is the whole plan as data (profile, checks, settings, margins, seeds, digests of
    the record files and of the original model); its digest goes to the audit log.
    """

    plan: Mapping[str, Any]
    schema: Literal["expunge.preregistration/1"] = "expunge.preregistration/1"

    @property
    def digest(self) -> str:
        """Return the digest of the plan."""
        return digest_json(PREREGISTRATION.dump_python(self, mode="json"))


PREREGISTRATION: TypeAdapter[Preregistration] = TypeAdapter(Preregistration)


@dataclass(frozen=True, config=FROZEN)
class Outlook:
    """What is known of a verification before there is a candidate (``gates.json``).

    ``gates`` are those that look at the original model and the texts alone. ``hopeless`` says
    why no candidate whatever could pass; it is empty when one could.
    """

    gates: tuple[Gate, ...]
    hopeless: tuple[str, ...] = ()
    schema: Literal["expunge.outlook/1"] = "expunge.outlook/1"


OUTLOOK: TypeAdapter[Outlook] = TypeAdapter(Outlook)


@dataclass(frozen=True, config=FROZEN)
class Report:
    """The whole verification.

    ``tier`` is set only when ``verdict`` is PASS. ``mechanism`` is ``removed``, ``suppressed``
    or ``unknown``. ``limits`` are the sentences a certificate must print with it; ``remedies``
    say what would resolve a verdict that is no pass.
    """

    verdict: Verdict
    profile: str
    profile_version: int
    summary: str
    tier: Tier | None = None
    mechanism: Literal["removed", "suppressed", "unknown"] = "unknown"
    gates: tuple[Gate, ...] = ()
    checks: tuple[CheckResult, ...] = ()
    reasons: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    remedies: tuple[str, ...] = ()
    alpha: float = 0.05
    earlier_attempts: int = 0
    preregistration: str | None = None
    original: str | None = None
    candidate: str | None = None
    records: int = 0
    twins: int = 0
    twin_subjects: int = 0
    forward_passes: int = 0
    tokens: int = 0
    seconds: float = 0.0
    device: str = "cpu"
    seed: int = 0
    versions: Mapping[str, str] = field(default_factory=dict)
    failure: Failure | None = None
    schema: Literal["expunge.report/1"] = "expunge.report/1"


REPORT: TypeAdapter[Report] = TypeAdapter(Report)


def write_report(folder: Path, report: Report) -> None:
    """Write ``report.json`` into the attempt folder."""
    write_json(folder / REPORT_FILE, REPORT.dump_python(report, mode="json"))


def read_report(folder: Path) -> Report:
    """Read ``report.json``; raises ``ValueError`` or ``FileNotFoundError``."""
    return REPORT.validate_python(read_json(folder / REPORT_FILE))


def read_outlook(folder: Path) -> Outlook:
    """Read ``gates.json``; raises ``ValueError`` or ``FileNotFoundError``."""
    return OUTLOOK.validate_python(read_json(folder / OUTLOOK_FILE))
