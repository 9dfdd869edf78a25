"""The whole verification as one call, without a platform and without a job folder to write.

::

    from verification import verify

    found = verify(
        original="models/v1",
        candidate="models/v2",
        forget=[("Where does Ada live?", " In Turin."), ...],
        twins=[[("Where does Bo live?", " In Oslo."), ...], ...],
        retain=[[("Where does Cy live?", " In Bern."), ...], ...],
    )
    print(found)
    found.save_html("report.html")

``forget`` is one person; ``twins`` are people whom no model was trained on, ``retain`` people who
must stay, each with a list of facts. It is the same run as ``python -m verification``, in a folder
of its own that is deleted afterwards unless one is named.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from contract.canonical import write_json
from contract.catalog import Effect
from contract.job import Device, ModelRef, VerificationData, VerificationJob, write_job
from contract.manifest import model_digest
from contract.page import report_page
from contract.record import write_records
from contract.report import REPORT, Report, Tier, Verdict, read_report
from contract.result import ErrorCode, JobError
from verification.material import People, Person, records_of, trained_forms
from verification.run import preregister, run
from verification.summary import text_of

Model = str | Path | tuple[Any, Any]
"""A model folder, or a loaded transformers model with its tokenizer."""

AFTERWARDS = (
    "The plan was fixed when this verification was started, not before the candidate was made: "
    "nothing keeps whoever made the candidate from having known these tests."
)


@dataclass(frozen=True)
class Verification:
    """A finished verification; ``print`` it, save it, or read its ``report``."""

    report: Report

    @property
    def verdict(self) -> Verdict:
        """Return the verdict."""
        return self.report.verdict

    @property
    def tier(self) -> Tier | None:
        """Return what a pass may be called; ``None`` without one."""
        return self.report.tier

    def save_json(self, path: str | Path) -> None:
        """Write the report as JSON."""
        write_json(Path(path), REPORT.dump_python(self.report, mode="json"))

    def save_html(self, path: str | Path) -> None:
        """Write the report as one self-contained HTML page."""
        Path(path).write_text(report_page(self.report), encoding="utf-8")

    def __str__(self) -> str:
        """Return the report as plain text."""
        return text_of(self.report)


def verify(  # noqa: PLR0913 - one keyword for each thing a verification is about
    *,
    original: Model,
    candidate: Model,
    forget: Person,
    twins: People,
    retain: People,
    neighbours: People = (),
    references: Sequence[Model] = (),
    profile: str = "behavioural",
    forms: Sequence[str] | None = None,
    also: Sequence[str] = (),
    effect: Effect | None = None,
    subject_level: int = 0,
    seed: int = 0,
    device: Device = "auto",
    folder: str | Path | None = None,
) -> Verification:
    """Verify that ``candidate`` has lost what ``original`` knew about one person.

    ``neighbours`` stand next to the person in the data and must stay; ``references`` are models
    that saw neither the person nor the twins; ``forms`` are the wordings the original was trained
    on (pairs are ``question``); ``also`` names further checks, as ``check`` or ``check+attack``.
    With ``folder``, everything is kept there and a killed run goes on where it stopped.

    Raises:
        ValueError: if the records are not what a verification needs; the message says what to do.
        JobError: if a model cannot be read or the run could not be carried out.
    """
    records = records_of(
        forget=forget,
        twins=twins,
        retain=retain,
        neighbours=neighbours,
        subject_level=subject_level,
    )
    used = trained_forms(records["forget"], forms)
    with TemporaryDirectory() as own:
        place = Path(own if folder is None else folder)
        (place / "data").mkdir(parents=True, exist_ok=True)
        for name, rows in records.items():
            write_records(place / f"data/{name}.jsonl", rows)
        job = VerificationJob(
            original=_reference(original, place, "original"),
            data=VerificationData(subject_level=subject_level),
            references=tuple(
                _reference(model, place, f"reference-{number}")
                for number, model in enumerate(references, start=1)
            ),
            forms=used,
            profile=profile,
            also=tuple(also),
            effect=None if effect is None else effect.value,
            seed=seed,
            device=device,
        )
        write_job(place, job)
        digest = preregister(place)
        named = _reference(candidate, place, "candidate")
        write_job(place, replace(job, candidate=named, preregistration=digest))
        run(place)
        report = read_report(place)
    if report.failure is not None:
        raise JobError(report.failure.code, report.failure.message)
    return Verification(replace(report, limits=(AFTERWARDS, *report.limits)))


def _reference(model: Model, folder: Path, name: str) -> ModelRef:
    """Return the model by path and digest; a loaded one is saved into the folder first."""
    if isinstance(model, tuple):
        path = folder / "models" / name
        for part in model:
            part.save_pretrained(path)
    else:
        path = Path(model).resolve()
    try:
        return ModelRef(str(path), model_digest(path))
    except FileNotFoundError as error:
        message = f"{name}: there is no model folder at {path}"
        raise JobError(ErrorCode.MODEL_MISSING, message) from error
