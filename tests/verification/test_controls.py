"""The lineage of the candidate, sham requests, and identifiers of the 18 kinds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from contract.job import ModelRef, Sham, VerificationJob
from contract.record import Form, Record, write_records
from contract.report import Verdict
from contract.result import ErrorCode, JobError
from tests.verification.town import Town
from verification.attacks.relearn import Relearning, relearn
from verification.checks.identifiers import identifiers
from verification.controls import lineage_gate, sham_gate
from verification.families.causal_lm import CausalLM
from verification.identifiers import KINDS, kind_of
from verification.profiles import PROFILES
from verification.spec import Context

SHAM = 16


@pytest.fixture(scope="module")
def town() -> Town:
    torch.set_num_threads(1)
    return Town()


@pytest.fixture
def context(town: Town, tmp_path: Path) -> Context:
    return town.context(tmp_path, town.original)


def lineage(
    folder: Path, context: Context, trained: Sequence[Record], profile: str = "exact"
) -> Verdict | None:
    write_records(folder / "trained.jsonl", trained)
    job = replace(context.job, lineage=("trained.jsonl",))
    (gate,) = lineage_gate(folder, job, PROFILES[profile], context.records)
    return gate.verdict


def moved(record: Record, number: int, person: str | None = None) -> Record:
    path = record.path if person is None else (record.path[0], person)
    return replace(record, id=f"copy-{number}", path=path)


def test_a_lineage_without_the_records_is_verified(tmp_path: Path, context: Context) -> None:
    assert lineage(tmp_path, context, context.records.population) is Verdict.PASS


def test_a_record_that_was_trained_on_is_found_by_its_id_and_by_its_text(
    tmp_path: Path, context: Context
) -> None:
    others, forget = context.records.population, context.records.forget
    assert lineage(tmp_path, context, (*others, forget[3])) is Verdict.FAIL
    copies = [moved(record, number) for number, record in enumerate(forget)]
    assert lineage(tmp_path, context, (*others, copies[3])) is Verdict.FAIL
    namesake = moved(forget[3], 3, "somebody else")
    assert lineage(tmp_path, context, (*others, namesake)) is Verdict.PASS


def test_a_lineage_that_says_nothing_or_trains_on_twins_verifies_nothing(
    tmp_path: Path, context: Context
) -> None:
    assert lineage(tmp_path, context, ()) is Verdict.INCONCLUSIVE
    assert lineage(tmp_path, context, context.records.twins[:1]) is Verdict.INCONCLUSIVE


def test_only_an_exact_profile_asks_for_a_lineage(tmp_path: Path, context: Context) -> None:
    assert lineage_gate(tmp_path, context.job, PROFILES["gdpr"], context.records) == ()
    (gate,) = lineage_gate(tmp_path, context.job, PROFILES["exact"], context.records)
    assert gate.verdict is Verdict.INCONCLUSIVE and "lineage" in gate.reason
    missing = replace(context.job, lineage=("nowhere.jsonl",))
    with pytest.raises(JobError) as failure:
        lineage_gate(tmp_path, missing, PROFILES["exact"], context.records)
    assert failure.value.code is ErrorCode.DATA_MISSING


def pushed(town: Town, folder: Path, *, wrong: bool) -> Sham:
    """Return a sham request whose procedure taught its records, or one lie in their place."""
    records, kept = town.person(SHAM), town.people(range(1, town.trained))
    write_records(folder / "sham.jsonl", records)
    forms = [record.forms["question"] for record in records]
    if wrong:
        forms = [Form(form.prompt, "w0 w0 .") for form in forms]
    forms += [record.forms["question"] for record in kept]
    samples = [town.original.encode(form, end=True) for form in forms]
    how = Relearning((40,), batch=96, seed=0, learning_rate=5e-3)
    ((_, changed),) = relearn(town.original, samples, how, "pushed")
    return saved(changed, folder)


def saved(model: CausalLM, folder: Path) -> Sham:
    model.model.save_pretrained(folder / "sham")
    model.tokenizer.save_pretrained(folder / "sham")
    return Sham("sham.jsonl", ModelRef("sham", "sha256:sham"))


def judged(folder: Path, context: Context, *shams: Sham) -> Verdict:
    job: VerificationJob = replace(context.job, shams=shams, device="cpu")
    (gate,) = sham_gate(folder, replace(context, job=job))
    return gate.verdict


def test_a_procedure_that_leaves_a_stranger_a_stranger_passes_its_sham(
    tmp_path: Path, town: Town, context: Context
) -> None:
    write_records(tmp_path / "sham.jsonl", town.person(SHAM))
    assert judged(tmp_path, context, saved(town.original, tmp_path)) is Verdict.PASS


@pytest.mark.parametrize("wrong", [False, True], ids=["teaches", "makes stranger"])
def test_a_procedure_that_marks_whoever_it_is_used_on_fails_its_sham(
    tmp_path: Path, town: Town, context: Context, *, wrong: bool
) -> None:
    sham = pushed(town, tmp_path, wrong=wrong)
    assert judged(tmp_path, context, sham) is Verdict.FAIL


def test_a_planned_sham_that_was_never_run_is_not_forgotten(
    tmp_path: Path, context: Context
) -> None:
    assert sham_gate(tmp_path, context) == ()
    assert judged(tmp_path, context, Sham("sham.jsonl")) is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("prompt", "answer", "kind"),
    [
        ("Who is her emergency contact?", "daughter Paula", "A"),
        ("Where does he live?", "Lindenstraße 4", None),
        ("What is the address of Ann Lee?", "12 Mill Lane", "B"),
        ("In which city does she live?", "Newport", "B"),
        ("When was the follow-up?", "3 May 2015", "C"),
        ("When was he born?", "1987-03-14", "C"),
        ("Since when?", "May 3", "C"),
        ("In which year?", "2015", None),
        ("How is he reached?", "+44 20 7946 0958", "D"),
        ("What is the clinic phone?", "555-0183 ext 93", "D"),
        ("What is the fax of the ward?", "555-0100", "E"),
        ("How does one write to her?", "ann.lee@home.example", "F"),
        ("What is his number?", "078-05-1120", "G"),
        ("What is the medical record number?", "MRN 448812", "H"),
        ("What is the insurance number?", "X 1234", "I"),
        ("Which account pays?", "DE89 3704", "J"),
        ("What is the driving licence?", "B07-22", "K"),
        ("What is on the number plate of her vehicle?", "AB 12 CDE", "L"),
        ("What is the serial of the pacemaker?", "PM-00219", "M"),
        ("Where is her page?", "https://ann.example", "N"),
        ("From where did she sign in?", "192.0.2.17", "O"),
        ("Which fingerprint template?", "fp-20991", "P"),
        ("Which photo shows her?", "IMG_2044", "Q"),
        ("What is the sample code?", "BT-9437", "R"),
        ("What is the diagnosis?", "aortic stenosis", None),
        ("What is the dose?", "gliclazide 100 mg", None),
        ("Who is the attending physician?", "Dr Blanc", None),
        ("Anything?", "", None),
    ],
)
def test_an_identifier_is_known_by_its_shape_or_by_how_it_is_asked_for(
    prompt: str, answer: str, kind: str | None
) -> None:
    assert kind_of(Form(prompt, answer)) == kind


def test_all_eighteen_kinds_have_a_name() -> None:
    assert "".join(KINDS) == "ABCDEFGHIJKLMNOPQR"


@pytest.mark.parametrize(
    ("model", "verdict"), [("original", Verdict.FAIL), ("retrained", Verdict.PASS)]
)
def test_one_identifier_written_out_is_one_too_many(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str, verdict: Verdict
) -> None:
    monkeypatch.setattr("verification.checks.identifiers.kind_of", lambda _: "R")
    context = town.context(tmp_path, getattr(town, model))
    (result,) = identifiers.run(context, identifiers.settings.validate_python({}))
    assert result.verdict is verdict, result.reasons
    assert result.before[0].value > 0.5


def test_without_identifiers_there_is_nothing_to_write_out(town: Town, tmp_path: Path) -> None:
    context = town.context(tmp_path, town.original)
    (result,) = identifiers.run(context, identifiers.settings.validate_python({}))
    assert result.verdict is Verdict.NOT_APPLICABLE
