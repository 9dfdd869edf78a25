"""Text scores of the benchmarks against values worked out by hand and against nltk."""

from __future__ import annotations

import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nltk.translate.bleu_score import (  # type: ignore[import-untyped]  # nltk has no types
    SmoothingFunction,
    sentence_bleu,
)

from verification.benchmarks.scoring import (
    before,
    bleu,
    distinct_rouge_l,
    exact_match,
    mean,
    rouge_l_f1,
    share,
    word_entropy,
    word_f1,
)

WORDS = st.lists(st.sampled_from(["a", "b", "c", "d", "e"]), min_size=1, max_size=9).map(" ".join)


@settings(max_examples=60, deadline=None)
@given(WORDS, WORDS)
def test_bleu_is_that_of_nltk_with_nist_smoothing(prediction: str, reference: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = sentence_bleu(
            [reference.split()],
            prediction.split(),
            smoothing_function=SmoothingFunction().method3,
        )
    assert bleu(prediction, reference) == pytest.approx(float(expected))


def test_muse_counts_f1_without_stemming() -> None:
    assert rouge_l_f1("he saw patients", "he saw patient zero") == pytest.approx(4 / 7)


def test_distinct_rouge_counts_every_word_once_and_minds_the_case() -> None:
    found = distinct_rouge_l("the cat the cat sat", "The cat sat. the end")
    # Distinct words of the reference: The, cat, sat, the, end. In common: cat, sat and the.
    assert found["recall"] == pytest.approx(3 / 5)
    assert found["precision"] == pytest.approx(3 / 3)
    assert distinct_rouge_l("NOANSWER", "Paris")["recall"] == 0.0
    assert distinct_rouge_l("...", "Paris")["f1"] == 0.0


@settings(max_examples=40, deadline=None)
@given(WORDS)
def test_a_text_agrees_with_itself_by_every_score(text: str) -> None:
    assert bleu(text, text) == pytest.approx(1.0) or len(text.split()) < 4
    assert rouge_l_f1(text, text) == pytest.approx(1.0)
    assert distinct_rouge_l(text, text)["recall"] == 1.0
    assert word_f1(text, [text]) == 1.0
    assert exact_match(text.upper(), ["something", text])


def test_answers_are_compared_without_articles_case_and_punctuation() -> None:
    assert exact_match("The Eiffel tower.", ["eiffel tower"])
    assert not exact_match("Eiffel", ["eiffel tower"])
    assert word_f1("eiffel", ["x", "eiffel tower"]) == pytest.approx(2 / 3)


def test_text_is_cut_at_the_first_of_several_marks() -> None:
    assert before("Paris\nQuestion: who?\n\nmore", ("\n\n", "\nQuestion")) == "Paris"


def test_a_model_that_repeats_itself_has_no_entropy() -> None:
    assert word_entropy("no no no no no no") == 0.0
    assert word_entropy("every word is new here today") > 2.0
    assert word_entropy("") == 0.0


def test_means_and_shares_of_nothing_are_not_measured() -> None:
    assert mean("x", []).value is None
    assert share("x", []).value is None
    found = share("x", [False] * 20)
    assert (found.value, found.low) == (0.0, 0.0)
    assert found.high == pytest.approx(0.139, abs=1e-3)
