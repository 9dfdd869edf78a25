"""Controls of the claim and of the procedure: what was trained on, and what a sham request shows.

**Lineage.** An exact method claims that the records took no part in training. The job lists the
record files the candidate was trained on; no forget record may be in them, by its id or as a copy
of its text under another id of the same person. Paraphrases are not found this way, nor a list
that is not true: for those the tests stay on watch.

**Sham.** A person whom the model never knew is pushed through the same unlearning code. Compared
with other never-trained people in *that* model, the person must not stand out: neither better
known (the procedure taught what it should remove) nor stranger than a stranger (it marks whoever
it is used on, and so gives away who asked). This is the null of the procedure itself. All scores
of all shams are tested on both sides, with Holm's correction.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from contract.job import Sham, VerificationJob
from contract.record import Record, read_records
from contract.report import Estimate, Gate, Verdict
from contract.result import ErrorCode, JobError
from verification.facts import Floats, column, columns, scores_of
from verification.families import device_for
from verification.opening import open_model
from verification.profiles import Profile
from verification.scores import MEMBERSHIP_SCORES
from verification.spec import Context, Records
from verification.statistics import auc, auc_interval, design_effect, holm, leak_p_value

LINEAGE = "The candidate was not trained on the records"
SHAM = "The procedure leaves no mark on somebody the model never knew"


def lineage_gate(
    folder: Path, job: VerificationJob, profile: Profile, records: Records
) -> tuple[Gate, ...]:
    """Look for the forget records in what the candidate was trained on, where that is listed."""
    if not job.lineage:
        if "lineage" not in profile.gates:
            return ()
        reason = "the job lists no training records of the candidate; name their files in `lineage`"
        return (Gate("lineage", LINEAGE, Verdict.INCONCLUSIVE, reason),)
    own = {record.id for record in records.forget}
    texts = {text for record in records.forget for text in _texts(record, records.subject_level)}
    twins = {record.id for record in records.twins}
    read, found, copies, strangers = 0, 0, 0, 0
    for record in _listed(folder, job.lineage):
        read += 1
        found += record.id in own
        strangers += record.id in twins
        copies += record.id not in own and not texts.isdisjoint(
            _texts(record, records.subject_level)
        )
    return (_lineage(read, found, copies, strangers),)


def _lineage(read: int, found: int, copies: int, strangers: int) -> Gate:
    if found or copies:
        reason = (
            f"of the {read} training records {found} are among those to be forgotten and {copies} "
            "are copies of their text; train without them"
        )
        return Gate("lineage", LINEAGE, Verdict.FAIL, reason)
    if strangers or not read:
        what = f"{strangers} twins are among" if strangers else "there is nothing in"
        reason = f"{what} the training records; list what was trained on, and compare with others"
        return Gate("lineage", LINEAGE, Verdict.INCONCLUSIVE, reason)
    reason = f"none of the {read} training records is one of them or a copy of their text"
    return Gate("lineage", LINEAGE, Verdict.PASS, reason)


def _listed(folder: Path, files: Iterable[str]) -> Iterable[Record]:
    for number, file in enumerate(files, start=1):
        try:
            yield from read_records(folder / file)
        except FileNotFoundError as error:
            message = f"file {number} of the candidate's training records is missing"
            raise JobError(ErrorCode.DATA_MISSING, message) from error
        except ValueError as error:
            raise JobError(ErrorCode.BAD_JOB, str(error)) from error


def _texts(record: Record, level: int) -> set[tuple[tuple[str, ...], str]]:
    """Return the record's texts with whose they are: others may rightly say the same words."""
    return {
        (record.subject(level), " ".join(f"{form.prompt} {form.answer}".lower().split()))
        for form in record.forms.values()
    }


def sham_gate(folder: Path, context: Context) -> tuple[Gate, ...]:
    """Test whether the shams stand out, where the job has any."""
    shams = context.job.shams
    if not shams:
        return ()
    if any(sham.model is None for sham in shams):
        reason = "a planned sham request has no model; run the procedure on it too"
        return (Gate("sham", SHAM, Verdict.INCONCLUSIVE, reason),)
    p_values: list[float] = []
    estimates = []
    for number, sham in enumerate(shams, start=1):
        found, estimate = _sham(folder, context, sham, number)
        p_values += found
        estimates.append(estimate)
    smallest = min(holm(p_values))
    people = f"{len(shams)} never-trained {'person' if len(shams) == 1 else 'people'}"
    if smallest < context.profile.leak_alpha:
        reason = (
            f"{people} pushed through the same procedure stood out from other never-trained people "
            f"(p = {smallest:.2g} after correction for {len(p_values)} tests); use other settings "
            "or another method"
        )
        return (Gate("sham", SHAM, Verdict.FAIL, reason, tuple(estimates)),)
    reason = (
        f"{people} pushed through the same procedure did not stand out from other never-trained "
        f"people (smallest p = {smallest:.2g} after correction for {len(p_values)} tests)"
    )
    return (Gate("sham", SHAM, Verdict.PASS, reason, tuple(estimates)),)


def _sham(folder: Path, context: Context, sham: Sham, number: int) -> tuple[list[float], Estimate]:
    """Return the two-sided p-value of every score, and the AUC of the loss."""
    records = context.records
    person = tuple(_listed(folder, (sham.data,)))
    own = {record.subject(records.subject_level) for record in person}
    others = [
        group
        for group in records.twin_subjects
        if group[0].subject(records.subject_level) not in own
    ]
    if not person or len(others) < 2 or sham.model is None:  # noqa: PLR2004 - a scatter needs two
        message = "a sham request needs records, and twins of at least two other people"
        raise JobError(ErrorCode.BAD_JOB, message)
    model = open_model(folder, context.job, sham.model, records, device_for(context.job.device))
    scores = scores_of(context, model, [*person, *(record for group in others for record in group)])
    found = [
        _two_sided(column(scores, person, name), columns(scores, others, name))
        for name in MEMBERSHIP_SCORES
    ]
    forget, twins = column(scores, person), columns(scores, others)
    low, high = auc_interval(
        forget, np.concatenate(twins), 1 - context.profile.leak_alpha, design_effect(twins)
    )
    context.signals.drop(model)
    name = f"Loss attack on sham person {number}, AUC"
    return found, Estimate(name, auc(forget, np.concatenate(twins)), low, high, null=0.5)


def _two_sided(forget: Floats, twins: list[Floats]) -> float:
    pool, widening = np.concatenate(twins), design_effect(twins)
    above = leak_p_value(forget, pool, widening)
    below = leak_p_value(-forget, -pool, widening)
    return min(1.0, 2.0 * min(above, below))
