from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
import torch

from contract.event import EventLog
from contract.job import UnlearningJob, read_job
from contract.result import JobError
from unlearning import alternatives, models
from unlearning.alternatives import AlternativeSettings, written
from unlearning.data import encode
from unlearning.objective import Texts
from unlearning.spec import Context

CPU = torch.device("cpu")
FEW = AlternativeSettings(count=3, tokens=12)


@pytest.fixture
def texts(whole: Any, clinic: Any, make_job: Any) -> Texts:
    folder: Path = make_job("alt_po", whole)
    job = read_job(folder, UnlearningJob)
    work = folder / "work"
    work.mkdir()
    context = Context(folder, job, CPU, EventLog(folder), folder, work, threading.Event())
    tokenizer = models.load_tokenizer(whole.path)
    forget = encode(tokenizer, clinic.forget, whole.recipe.forms)[:6]
    records = {record.id: record for record in clinic.forget}
    return Texts(context, models.load_model(whole.path, CPU), tokenizer, records, forget)


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alternatives, "CHUNK", 2)


def test_an_alternative_answers_the_same_prompt_otherwise(texts: Texts) -> None:
    for sample, answers in zip(texts.forget, written(texts, FEW), strict=True):
        assert 1 <= len(answers) <= 3
        assert len({item.ids for item in answers}) == len(answers)
        for item in answers:
            assert item.ids != sample.ids and item.start == sample.start
            assert item.ids[: item.start] == sample.ids[: sample.start]


def test_the_words_of_content_do_not_come_back(texts: Texts) -> None:
    decode = texts.tokenizer.decode
    for sample, answers in zip(texts.forget, written(texts, FEW), strict=True):
        words = decode(sample.ids[sample.start :], skip_special_tokens=True).split()
        fact = max(words, key=len)
        assert not any(fact in decode(item.ids[item.start :]).split() for item in answers)


def test_what_was_written_is_not_written_again(texts: Texts, small_chunks: None) -> None:
    first = written(texts, FEW)

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError

    texts.model.generate = refuse
    assert written(texts, FEW) == first


def test_an_interrupted_writer_goes_on_to_the_same_end(texts: Texts, small_chunks: None) -> None:
    whole = written(texts, FEW)
    files = sorted(texts.context.work.glob("alternatives-*.json"))
    assert len(files) == 3
    files[1].unlink()
    assert written(texts, FEW) == whole


def test_a_cancelled_job_stops_writing(texts: Texts) -> None:
    texts.context.stop.set()
    with pytest.raises(JobError):
        written(texts, FEW)


def test_other_settings_or_seeds_write_anew(texts: Texts) -> None:
    written(texts, FEW)
    written(texts, AlternativeSettings(count=3, tokens=12, temperature=0.7))
    assert len(list(texts.context.work.glob("alternatives-*.json"))) == 2


def test_a_text_is_kept_as_numbers_only(texts: Texts) -> None:
    written(texts, FEW)
    kept = "".join(path.read_text() for path in texts.context.work.glob("alternatives-*"))
    assert not any(record in kept for record in texts.records)


def test_a_chat_model_is_asked_and_its_first_line_taken(
    texts: Texts, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts: list[str] = []
    said = texts.tokenizer.encode("Another answer.\nAnd more.", add_special_tokens=False)

    def answer(_: Texts, rows: Any, *__: Any) -> list[tuple[int, ...]]:
        prompts.extend(texts.tokenizer.decode(row) for row in rows)
        return [tuple(said)] * len(rows)

    monkeypatch.setattr(alternatives, "_continued", answer)
    settings = AlternativeSettings(count=2, instruction="Q: {prompt} A: {answer} Other:")
    found = written(texts, settings)
    form = texts.record_form(texts.forget[0])
    assert prompts[0] == f"Q: {form.prompt} A: {form.answer} Other:"
    for answers in found:
        (one,) = answers
        text = texts.tokenizer.decode(one.ids[one.start :], skip_special_tokens=True)
        assert text.strip() == "Another answer."
