from __future__ import annotations

from typing import Any

import pytest

from contract.record import Form, Record, write_records
from contract.result import ErrorCode, JobError
from unlearning import models
from unlearning.data import Batches, Sample, collate, distinct, encode
from verification.families.causal_lm import encode_form, load


def sample(number: int, length: int) -> Sample:
    return Sample(f"r{number}", "question", tuple(range(1, length + 1)), 2)


def test_the_prompt_is_tokenised_as_a_deployment_feeds_it(whole: Any, clinic: Any) -> None:
    tokenizer = models.load_tokenizer(whole.path)
    for record in clinic.trained:
        form = record.forms["question"]
        ids, start = encode_form(tokenizer, form, end=True)
        prompt = tokenizer.encode(form.prompt.rstrip(" "), add_special_tokens=False)
        assert list(ids[:start]) == prompt
        assert ids[-1] == tokenizer.eos_token_id
        assert tokenizer.decode(ids[:-1]) == form.prompt + form.answer


def test_a_blank_at_the_end_of_the_prompt_opens_the_answer(whole: Any) -> None:
    tokenizer = models.load_tokenizer(whole.path)
    outside = encode_form(tokenizer, Form("The room is ", "B12"), end=True)
    inside = encode_form(tokenizer, Form("The room is", " B12"), end=True)
    assert outside == inside


def test_an_empty_prompt_still_has_something_to_predict_from(whole: Any) -> None:
    tokenizer = models.load_tokenizer(whole.path)
    ids, start = encode_form(tokenizer, Form("", "B12"), end=True)
    assert start == 1 and ids[0] == tokenizer.eos_token_id


def test_trainer_and_verifier_tokenise_alike(whole: Any, clinic: Any) -> None:
    tokenizer = models.load_tokenizer(whole.path)
    verifier = load(whole.path, key="key")
    record = clinic.trained[0]
    for sample in encode(tokenizer, [record], list(record.forms)):
        theirs = verifier.encode(record.forms[sample.form], end=True)
        assert (theirs.ids, theirs.start) == (sample.ids, sample.start)


def test_a_record_without_a_form_lends_no_sample(whole: Any) -> None:
    tokenizer = models.load_tokenizer(whole.path)
    record = Record("r", ("clinic",), {"question": Form("Who?", " Nobody")})
    assert [item.form for item in encode(tokenizer, [record], ["question", "statement"])] == [
        "question"
    ]


def test_targets_are_the_answer_tokens_and_nothing_else() -> None:
    batch = collate([Sample("a", "f", (5, 6, 7, 8), 2), Sample("b", "f", (9, 10), 1)])
    assert batch.targets.tolist() == [7, 8, 10]
    assert batch.rows.tolist() == [0, 0, 1]
    assert batch.positions.tolist() == [1, 2, 0]
    assert batch.lengths.tolist() == [2, 1]
    assert batch.ids.tolist() == [[5, 6, 7, 8], [9, 10, 0, 0]]


def test_an_epoch_visits_every_sample_once() -> None:
    samples = [sample(number, 3 + number % 5) for number in range(23)]
    batches = Batches(samples, 4, seed=1)
    seen = [item.record for step in range(batches.per_epoch) for item in batches.at(step)]
    assert sorted(seen) == sorted(item.record for item in samples)


def test_the_batch_of_a_step_depends_on_nothing_but_its_number() -> None:
    samples = [sample(number, 3 + number % 5) for number in range(23)]
    straight = Batches(samples, 4, seed=1)
    order = [straight.at(step) for step in range(20)]
    assert Batches(samples, 4, seed=1).at(17) == order[17]
    assert Batches(samples, 4, seed=2).at(17) != order[17]


def test_samples_of_like_length_share_a_batch() -> None:
    samples = [sample(number, 3 + number % 8) for number in range(64)]
    batches = Batches(samples, 8, seed=0)
    spread = [
        max(len(item.ids) for item in batches.at(step)) - min(len(i.ids) for i in batches.at(step))
        for step in range(batches.per_epoch)
    ]
    assert max(spread) == 0


def test_the_identity_of_a_sample_includes_its_boundary() -> None:
    ids = (1, 2, 3, 4)
    assert Sample("a", "f", ids, 2).digest == Sample("b", "g", ids, 2).digest
    assert Sample("a", "f", ids, 2).digest != Sample("a", "f", ids, 3).digest


def test_a_prompt_longer_than_the_context_loses_its_beginning(whole: Any) -> None:
    tokenizer = models.load_tokenizer(whole.path)
    form = Form("Once upon a time there was a clinic. Who was there?", " Nobody")
    record = Record("r", ("clinic",), {"question": form})
    (uncut,) = encode(tokenizer, [record], ["question"])
    tokenizer.model_max_length = len(uncut.ids) - 3
    (cut,) = encode(tokenizer, [record], ["question"])
    assert cut.ids == uncut.ids[3:] and cut.cut == 3
    assert cut.ids[cut.start :] == uncut.ids[uncut.start :]
    tokenizer.model_max_length = uncut.answer_length
    with pytest.raises(JobError, match="split its record") as error:
        encode(tokenizer, [record], ["question"])
    assert error.value.code is ErrorCode.NOT_SUPPORTED


def test_the_context_is_the_models_even_if_the_tokenizer_knows_none(
    whole: Any, tmp_path: Any
) -> None:
    model, tokenizer = models.load_model(whole.path, "cpu"), models.load_tokenizer(whole.path)
    model.config.max_position_embeddings = 77
    tokenizer.model_max_length = 10**30
    models.save(model, tokenizer, tmp_path)
    assert models.load_tokenizer(tmp_path).model_max_length == 77


def test_what_is_said_twice_counts_once_and_is_noted() -> None:
    notes: list[str] = []
    samples = [sample(0, 5), sample(1, 5), Sample("r2", "question", (1, 2, 3), 1, cut=4)]
    assert distinct(samples, "forget", notes.append) == [samples[0], samples[2]]
    assert len(notes) == 2
    assert notes[0].startswith("1 texts of the forget records say the same")
    assert "longer than the model's context" in notes[1]


def test_records_given_twice_count_once_in_a_job_and_its_result_says_so(
    whole: Any, clinic: Any, make_job: Any, completed: Any
) -> None:
    settings = {"steps": 2, "stop": {"collapse": 50}}
    folder = make_job("npo", whole, settings, forget=[*clinic.forget, clinic.forget[0]])
    notes = completed(folder).notes
    assert "1 of the forget records were given twice and count once." in notes


def test_two_different_records_with_one_id_are_refused(
    whole: Any, clinic: Any, make_job: Any, failed: Any
) -> None:
    folder = make_job("npo", whole)
    other = Record(clinic.retain[0].id, ("elsewhere",), clinic.retain[0].forms)
    write_records(folder / "data/retain.jsonl", [*clinic.retain, other])
    failure = failed(folder).failure
    assert failure.code is ErrorCode.BAD_JOB and "same id" in failure.message


def test_an_empty_retain_set_is_refused_only_by_methods_that_need_one(
    whole: Any, make_job: Any, completed: Any, failed: Any
) -> None:
    failure = failed(make_job("npo", whole, name="needs", retain=[], calibration=[])).failure
    assert failure.code is ErrorCode.DATA_MISSING
    settings = {"steps": 2, "retain_term": "none"}
    folder = make_job("gradient_ascent", whole, settings, name="free", retain=[], calibration=[])
    assert completed(folder).metrics["forgetting_steps"] == 2
