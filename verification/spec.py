"""What a check sees: the models, the records, the margins, and the one cache of signals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from contract.event import EventLog
from contract.job import VerificationJob
from contract.record import CALIBRATION_FORM, Record
from contract.report import Verdict
from verification.families.causal_lm import CausalLM
from verification.profiles import Margins, Profile
from verification.signals import Signals

VERSION = "2"
"""The version of the checks: it enters the preregistration, so raise it when a number moves."""


@dataclass(frozen=True)
class Records:
    """The record sets of a job, each in file order; ``population`` is read as text only."""

    forget: tuple[Record, ...]
    twins: tuple[Record, ...]
    neighbours: tuple[Record, ...]
    retain: tuple[Record, ...]
    population: tuple[Record, ...]
    subject_level: int

    @cached_property
    def twin_subjects(self) -> tuple[tuple[Record, ...], ...]:
        """Return the twins' records grouped by data subject."""
        groups: dict[tuple[str, ...], list[Record]] = {}
        for record in self.twins:
            groups.setdefault(record.subject(self.subject_level), []).append(record)
        return tuple(tuple(group) for group in groups.values())

    @cached_property
    def twin_units(self) -> tuple[tuple[Record, ...], ...]:
        """Return the twins' records in units as deep in the hierarchy as the forget set's root.

        For a request about one study of a patient, the fair comparison is one study of a twin.
        """
        depth = max(self.subject_level + 1, _common_depth([item.path for item in self.forget]))
        groups: dict[tuple[str, ...], list[Record]] = {}
        for record in self.twins:
            groups.setdefault(record.path[:depth], []).append(record)
        return tuple(tuple(group) for group in groups.values())


def _common_depth(paths: Sequence[tuple[str, ...]]) -> int:
    depth = 0
    for nodes in zip(*paths, strict=False):
        if len(set(nodes)) > 1:
            break
        depth += 1
    return depth


class UnansweredError(Exception):
    """Raised by a check that has nothing to judge: ``reading`` for people, and the ``reason``.

    NOT_APPLICABLE where the question has no meaning here, INCONCLUSIVE where more would settle it.
    """

    def __init__(
        self, reading: str, reason: str, verdict: Verdict = Verdict.NOT_APPLICABLE
    ) -> None:
        super().__init__(reason)
        self.reading, self.reason, self.verdict = reading, reason, verdict


@dataclass(frozen=True)
class Tampered:
    """A copy of the candidate after an attack; ``label`` says which (quantise-int4, prune-20).

    The label is the attack's name, or begins with it and a hyphen (underscores are hyphens).
    ``asked`` are the ids of the forget and twin records that may be asked of it: those of equally
    treated people that the attack did not learn from. ``None``: all.
    """

    label: str
    model: CausalLM
    asked: frozenset[str] | None = None


@dataclass(frozen=True)
class Context:
    """Everything a check may use. Checks read ``signals`` and never run a model themselves.

    ``folder`` is the job's. ``attack`` is the label of the attack that the candidate stands after,
    if any. An attack reads ``wanted``: the labels asked of it (empty: all).
    """

    job: VerificationJob
    profile: Profile
    records: Records
    original: CausalLM
    candidate: CausalLM
    references: tuple[CausalLM, ...]
    signals: Signals
    events: EventLog
    folder: Path
    attack: str | None = None
    wanted: frozenset[str] = frozenset()

    def under(self, tampered: Tampered) -> Context:
        """Return the same context with the attacked copy in the candidate's place."""
        records = self.records
        if tampered.asked is not None:
            kept = [
                tuple(item for item in group if item.id in tampered.asked)
                for group in (records.forget, records.twins)
            ]
            records = replace(records, forget=kept[0], twins=kept[1])
        return replace(self, candidate=tampered.model, attack=tampered.label, records=records)

    def wants(self, label: str) -> bool:
        """Say whether somebody asks for the attacked model of that label; spare it otherwise."""
        return not self.wanted or label in self.wanted

    @property
    def margins(self) -> Margins | None:
        """Return the profile's margins for this many records, if it has any."""
        return self.profile.margins_for(len(self.records.forget))

    @property
    def trained_forms(self) -> tuple[str, ...]:
        """Return the forms that the original was trained on."""
        return self.job.forms

    @cached_property
    def probe_forms(self) -> tuple[str, ...]:
        """Return the forms of the forget records that nothing was trained on, in a fixed order."""
        names = {name for record in self.records.forget for name in record.forms}
        return tuple(sorted(names - set(self.job.forms) - {CALIBRATION_FORM}))
