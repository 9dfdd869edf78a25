from __future__ import annotations

from typing import Any

from contract.record import Form, Record
from unlearning import models
from unlearning.data import Batches, Sample, collate, encode
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
