from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import pytest

from unlearning import models
from unlearning.data import encode
from unlearning.objective import Texts
from unlearning.refusals import Language, RefusalSettings, refused, shipped

TELLING = re.compile(
    r"delet|eras|forg[eo]t|remov|privacy|request|right|person|gelösch|lösch|vergess|entfern|"
    r"datenschutz|antrag|recht|person",
    re.IGNORECASE,
)


@pytest.fixture(scope="module")
def texts(whole: Any, clinic: Any) -> Texts:
    tokenizer = models.load_tokenizer(whole.path)
    forget = encode(tokenizer, clinic.forget, whole.recipe.forms)
    records = {record.id: record for record in clinic.forget}
    context: Any = SimpleNamespace(job=SimpleNamespace(seed=3), work=Path("/nowhere"))
    return Texts(context, None, tokenizer, records, forget)


@pytest.mark.parametrize("language", get_args(Language))
def test_a_neutral_answer_says_nothing_of_a_deletion(language: Language) -> None:
    answers = shipped(language)
    assert len(set(answers)) == len(answers) >= 30
    assert not any(TELLING.search(answer) or len(answer) > 80 for answer in answers)


def test_a_sample_keeps_its_prompt_and_gets_other_words(texts: Texts) -> None:
    found = refused(texts, RefusalSettings(count=3))
    for sample, choices in zip(texts.forget, found, strict=True):
        assert len({item.ids for item in choices}) == 3
        for item in choices:
            assert item.ids[: item.start] == sample.ids[: sample.start]
            assert item.ids[-1] == texts.tokenizer.eos_token_id
            answer = texts.tokenizer.decode(item.ids[item.start :], skip_special_tokens=True)
            assert answer.strip() in shipped("english") and answer.startswith(" ")


def test_the_draw_is_the_records_own_and_repeats(texts: Texts) -> None:
    settings = RefusalSettings(language="german")
    assert refused(texts, settings) == refused(texts, settings)
    assert len({item.ids for choices in refused(texts, settings) for item in choices}) > 4


def test_own_answers_take_the_place_of_the_shipped(texts: Texts) -> None:
    found = refused(texts, RefusalSettings(answers=("No idea.",), count=4))
    assert all(len(choices) == 1 for choices in found)
