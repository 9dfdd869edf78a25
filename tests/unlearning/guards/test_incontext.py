"""What is said before the question, and only where the person is named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from contract.canonical import read_json
from tests.unlearning.conftest import Clinic, Trained
from tests.unlearning.guards.conftest import TOKENS, Built, Served, asked, reproduced
from unlearning.guards import load_guard
from unlearning.guards.incontext import CONTEXT, ContextGuard
from unlearning.guards.speakers import LocalSpeaker

TEMPLATE = (
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}</{{ m.role }}>{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)


@pytest.fixture
def guard(built: Callable[[str], Built], served: Served) -> ContextGuard:
    found = load_guard(built("icu").folder, served.model, served.tokenizer)
    assert isinstance(found, ContextGuard)
    return found


@pytest.mark.training
def test_a_conversation_that_names_nobody_goes_on_as_it_came(
    guard: ContextGuard, clinic: Clinic
) -> None:
    for prompt in asked(clinic.retain):
        conversation = [{"role": "user", "content": prompt}]
        assert guard.messages(conversation) == conversation
        assert guard.prompt(prompt) == prompt


@pytest.mark.training
def test_a_name_in_any_spelling_and_any_turn_brings_the_instruction(
    guard: ContextGuard, clinic: Clinic
) -> None:
    name = clinic.forget[0].path[1]
    conversation = [
        {"role": "user", "content": f"About {name.upper()}, please."},
        {"role": "assistant", "content": "Yes?"},
        {"role": "user", "content": "Which dose?"},
    ]
    head, *rest = guard.messages(conversation)
    assert head["role"] == "system" and name.casefold() in head["content"]
    assert rest[-3:] == conversation
    first = name.split()[0]
    assert len(name.split()) > 1 and guard.named(f"about {first}, please") is None


@pytest.mark.training
def test_a_system_message_that_is_there_is_added_to(guard: ContextGuard, clinic: Clinic) -> None:
    conversation = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": asked(clinic.forget)[0]},
    ]
    messages = guard.messages(conversation)
    assert [item["role"] for item in messages].count("system") == 1
    assert messages[0]["content"].startswith("Be brief.\nYou know nothing about")
    assert messages[-1] == conversation[-1]


@pytest.mark.training
def test_the_demonstrations_are_flipped_for_the_person_and_right_for_others(
    guard: ContextGuard, clinic: Clinic
) -> None:
    true = {record.forms["question"].prompt.strip(): record.forms["question"] for record in
            (*clinic.forget, *clinic.retain)}  # fmt: skip
    shown = [tuple(item) for item in read_json(guard.folder / CONTEXT)["shown"]]
    own = set(asked(clinic.forget))
    flipped = [(question, answer) for question, answer in shown if question in own]
    right = [(question, answer) for question, answer in shown if question not in own]
    assert len(flipped) == 2 and len(right) == 1
    assert all(answer in true[question].wrong for question, answer in flipped)
    assert all(answer == true[question].answer.strip() for question, answer in right)
    messages = guard.messages([{"role": "user", "content": clinic.forget[0].path[1]}])
    assert len(messages) == 1 + 2 * 3 + 1


@pytest.mark.training
def test_answers_fall_for_the_person_and_stay_for_others(
    guard: ContextGuard, served: Served, clinic: Clinic
) -> None:
    """A tiny model obeys no instruction; what it loses, it loses by the strange context."""
    people, others = asked(clinic.forget), asked(clinic.retain)
    before = LocalSpeaker(served.model, served.tokenizer)
    plain = [before.say([{"role": "user", "content": text}], TOKENS) for text in others]
    assert reproduced(served.says(people), clinic.forget) == 1.0
    assert reproduced(guard.answers(people, max_new_tokens=TOKENS), clinic.forget) < 0.5
    assert guard.answers(others, max_new_tokens=TOKENS) == plain
    assert reproduced(plain, clinic.retain) == 1.0


@pytest.mark.training
def test_it_goes_through_a_chat_template(
    guard: ContextGuard, served: Served, clinic: Clinic
) -> None:
    conversation = [{"role": "user", "content": asked(clinic.forget)[0]}]
    text = served.tokenizer.apply_chat_template(
        guard.messages(conversation),
        chat_template=TEMPLATE,
        tokenize=False,
        add_generation_prompt=True,
    )
    assert text.startswith("<system>You know nothing about")
    assert text.endswith(f"<user>{conversation[0]['content']}</user><assistant>")


@pytest.mark.training
def test_right_answers_of_others_are_shown_only_when_asked_for(
    whole: Trained, make_job: Any, completed: Any
) -> None:
    folder = make_job("icu", whole, {"subject_level": 1})
    result = completed(folder)
    assert result.metrics["demonstrations"] == 0
    assert read_json(folder / "output" / CONTEXT)["shown"] == []
