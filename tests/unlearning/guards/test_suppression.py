"""A guarded model does not say what is suppressed, and says everything else as before."""

from __future__ import annotations

import random
import secrets
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import torch
from transformers import LogitsProcessorList

from contract.containment import REFUSAL, Bundle, ngram_digests, ngrams, words
from contract.record import Record
from tests.unlearning.conftest import Clinic, Trained
from unlearning.guards.suppression import SuppressionLogitsProcessor
from unlearning.models import load_model, load_tokenizer


def bundle(*, names: list[str] = [], answers: list[str] = []) -> Bundle:  # noqa: B006 - only read
    key = secrets.token_bytes(32)
    grams = {kind: [tuple(words(item)) for item in of] for kind, of in
             (("names", names), ("answers", answers))}  # fmt: skip
    return Bundle(
        id="b",
        model="m",
        model_version="v",
        model_digest="sha256:0",
        published_at=datetime.now(UTC),
        key=key.hex(),
        names=ngram_digests(key, grams["names"]),
        answers=ngram_digests(key, grams["answers"]),
        lengths=tuple(sorted({len(gram) for of in grams.values() for gram in of})),
    )


@pytest.fixture(scope="module")
def served(whole: Trained) -> tuple[Any, Any]:
    return load_model(whole.path, torch.device("cpu")), load_tokenizer(whole.path)


def say(served: Any, prompts: list[str], *bundles: Bundle, **given: Any) -> list[str]:
    model, tokenizer = served
    tokenizer.padding_side = "left"
    inputs = tokenizer(prompts, return_tensors="pt", padding=True, add_special_tokens=False)
    width = inputs.input_ids.shape[1]
    size = given.pop("candidates", 50)
    guards = [SuppressionLogitsProcessor(tokenizer, bundles, prompt_length=width, candidates=size)]
    with torch.inference_mode():
        output = model.generate(
            input_ids=inputs.input_ids,
            attention_mask=inputs.attention_mask,
            logits_processor=LogitsProcessorList(guards if bundles else []),
            pad_token_id=tokenizer.pad_token_id,
            **{"max_new_tokens": 48, "do_sample": False, **given},
        )
    texts: list[str] = tokenizer.batch_decode(output[:, width:], skip_special_tokens=True)
    return texts


def asked(record: Record) -> str:
    return record.forms["question"].prompt.rstrip()


def told(record: Record) -> str:
    return record.forms["question"].answer


def known(served: Any, records: Any) -> list[Record]:
    """Return the records whose answer the model has memorised word for word."""
    return [
        item
        for item in records
        if len(words(told(item))) > 1 and words(told(item)) == words(say(served, [asked(item)])[0])
    ]


@pytest.mark.training
def test_a_memorised_answer_is_said_without_the_guard_and_not_with_it(
    served: Any, clinic: Clinic
) -> None:
    record, *_ = known(served, clinic.trained)
    answer = " ".join(words(told(record)))
    assert answer in " ".join(words(say(served, [asked(record)])[0]))
    guarded = say(served, [asked(record)], bundle(answers=[told(record)]))[0]
    assert answer not in " ".join(words(guarded))


@pytest.mark.training
def test_a_prompt_that_names_the_person_is_refused_whatever_its_spelling(
    served: Any, clinic: Clinic
) -> None:
    name = clinic.forget[0].path[1]
    kept_out = bundle(names=[name])
    for prompt in (asked(clinic.forget[0]), f"about {name.upper()}, please:"):
        assert say(served, [prompt], kept_out) == [REFUSAL]


@pytest.mark.training
def test_everything_else_is_said_token_by_token_as_before_even_in_one_batch(
    served: Any, clinic: Clinic
) -> None:
    name = clinic.forget[0].path[1]
    others = [item for item in clinic.retain if item.path[1] != name][:6]
    prompts = [asked(item) for item in others]
    answers = [told(item) for item in clinic.forget if told(item) not in map(told, clinic.retain)]
    kept_out = bundle(names=[name], answers=answers)
    assert say(served, prompts, kept_out) == say(served, prompts)
    assert say(served, prompts, kept_out, candidates=1) == say(served, prompts)
    mixed = say(served, [asked(clinic.forget[0]), *prompts], kept_out)
    assert mixed[0] == REFUSAL
    assert mixed[1:] == say(served, [asked(clinic.forget[0]), *prompts])[1:]


@pytest.mark.training
@pytest.mark.parametrize(
    "given",
    [
        {"do_sample": True, "temperature": 3.0, "top_k": 0},
        {"do_sample": True, "temperature": 1.0, "top_k": 0, "candidates": 3},
        {"num_beams": 4},
        {"candidates": 1},
        {"max_new_tokens": 5},
    ],
    ids=["wild", "few candidates", "beams", "one candidate", "cut short"],
)
def test_no_suppressed_words_are_ever_emitted(
    served: Any, clinic: Clinic, given: dict[str, Any]
) -> None:
    """Suppress what the model likes to say most, down to single words."""
    torch.manual_seed(1)
    prompts = [asked(item) for item in clinic.trained[:8]]
    free = [words(text) for text in say(served, prompts)]
    rng = random.Random(5)  # noqa: S311 - a choice of tests
    grams = {gram for said in free for length in (1, 2, 3) for gram in ngrams(said, length)}
    chosen = {gram for gram in grams if len("".join(gram)) > 3 and rng.random() < 0.6}
    kept_out = bundle(answers=[" ".join(gram) for gram in chosen])
    for prompt, text in zip(prompts, say(served, prompts, kept_out, **given), strict=True):
        before = words(prompt)
        after = words(prompt + text)
        for length in (1, 2, 3):
            fresh = set(list(ngrams(after, length))[max(0, len(before) - length) :])
            old = set(ngrams(before, length))
            assert not (fresh - old) & chosen


def scores_for(tokenizer: Any, *texts: str) -> tuple[torch.Tensor, list[int]]:
    ids = [tokenizer.encode(text, add_special_tokens=False)[0] for text in texts]
    scores = torch.full((1, len(tokenizer)), -20.0)
    for place, token in enumerate(ids):
        scores[0, token] = float(10 - place)
    return scores, ids


@pytest.mark.training
def test_a_word_is_followed_over_tokens_and_over_the_end_of_the_prompt(served: Any) -> None:
    """Letter by letter, from the middle of the prompt: the last letter is what is forbidden."""
    _, tokenizer = served
    kept_out = bundle(answers=["zq zqx"])
    prompt = tokenizer.encode("zq z", add_special_tokens=False)
    guard = SuppressionLogitsProcessor(tokenizer, [kept_out], prompt_length=len(prompt))
    start = torch.tensor([prompt])
    scores, (letter,) = scores_for(tokenizer, "q")
    assert torch.isfinite(guard(start, scores)[0, letter])
    ids = torch.cat([start, torch.tensor([[letter]])], dim=1)
    scores, (last, other) = scores_for(tokenizer, "x", "j")
    after = guard(ids, scores)
    assert not torch.isfinite(after[0, last])
    assert torch.isfinite(after[0, other]), "another letter makes it another word"


@pytest.mark.training
def test_the_end_is_always_a_way_out(served: Any) -> None:
    _, tokenizer = served
    kept_out = bundle(answers=["zqx"])
    prompt = tokenizer.encode("zq", add_special_tokens=False)
    guard = SuppressionLogitsProcessor(tokenizer, [kept_out], prompt_length=len(prompt))
    scores, (letter,) = scores_for(tokenizer, "x")
    only = torch.full_like(scores, -torch.inf)
    only[0, letter] = 1.0
    assert int(guard(torch.tensor([prompt]), only).argmax()) == tokenizer.eos_token_id


@pytest.mark.training
def test_without_bundles_nothing_is_touched(served: Any) -> None:
    _, tokenizer = served
    scores = torch.randn(1, len(tokenizer))
    guard = SuppressionLogitsProcessor(tokenizer, [], prompt_length=1)
    assert guard(torch.tensor([[5]]), scores) is scores


def test_a_bundle_says_what_it_is() -> None:
    found = bundle(names=["Erika Mustermann"])
    assert found.effect == "serve_suppression" and "not erasure" in found.notice
    with pytest.raises(ValueError, match="serve_suppression"):
        replace(found, effect="removal")
