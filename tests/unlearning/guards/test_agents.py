"""The agents: what each is told, when the guard refuses, and a real tiny model behind real HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from contract.canonical import write_json
from contract.containment import REFUSAL, words
from contract.guard import GuardManifest, write_guard
from contract.job import Recipe, UnlearningJob
from contract.record import Form, Record
from tests.unlearning.conftest import RECIPE, Clinic, build_job
from tests.unlearning.guards.conftest import Built, Served, asked, reproduced
from tests.unlearning.guards.endpoint import Mood, serving
from unlearning.guards import load_guard
from unlearning.guards.agents import AgentGuard, Talk
from unlearning.guards.prompts import audit, compose, criticise, erase, vanilla
from unlearning.guards.speakers import (
    EndpointSpeaker,
    LocalSpeaker,
    Message,
    Messages,
    Speaker,
    SpeakerError,
)
from unlearning.models import load_model, load_tokenizer
from unlearning.run import run

NAME = "Erika Mustermann"
KEPT = {"variants": 3, "merge": 2, "accept": 4, "tokens": 32}
SILENCE = "I have nothing to tell about this person."


class Script(Speaker):
    """Says what a rule makes of each call; ``None`` stands for a speaker that does not answer."""

    def __init__(self, rule: Callable[[str], str | None]) -> None:
        self.rule = rule
        self.calls: list[Messages] = []

    def say(self, messages: Messages, tokens: int, **generation: object) -> str:  # noqa: ARG002 - the interface
        self.calls.append(list(messages))
        said = self.rule(messages[0]["content"])
        if said is None:
            raise SpeakerError("the endpoint did not answer")
        return said


def rule(**given: str | None) -> Callable[[str], str | None]:
    """Say by the task which agent speaks; what is not given is well-behaved."""
    said: dict[str, str | None] = {
        "You check": "NONE",
        "Rewrite": "She had a visit.",
        "Mark": "5",
        "Merge": "Somebody had a visit.",
    }
    names = {"audit": "You check", "erase": "Rewrite", "critic": "Mark", "composer": "Merge"}
    said |= {names[key]: value for key, value in given.items() if key in names}
    draft = given.get("draft", "The visit was in May.")
    return lambda task: next((text for key, text in said.items() if task.startswith(key)), draft)


@pytest.fixture
def guarded(tmp_path: Path) -> Callable[[Speaker], AgentGuard]:
    def make(speaker: Speaker) -> AgentGuard:
        write_json(tmp_path / "names.json", {"names": [NAME]})
        write_guard(tmp_path, GuardManifest("alu", "sha256:0", ("names",), KEPT))
        guard = load_guard(tmp_path, speaker)
        assert isinstance(guard, AgentGuard)
        return guard

    return make


Guarded = Callable[[Speaker], AgentGuard]


def test_an_answer_that_touches_nobody_is_given_as_it_is(guarded: Guarded) -> None:
    reply = guarded(Script(rule())).reply("When was the visit?")
    assert reply.text == "The visit was in May." and reply.calls == 2


@pytest.mark.parametrize("question", [f"When did {NAME} come?", "when did ERIKA  mustermann come"])
def test_a_name_needs_no_audit(guarded: Guarded, question: str) -> None:
    script = Script(rule(audit=None))
    reply = guarded(script).reply(question)
    assert reply.text == "Somebody had a visit." and reply.reason == "composed of rewritings"
    assert reply.calls == 1 + 2 * 3 + 1 <= 3 + 2 * KEPT["variants"]


def test_a_person_without_the_name_is_found_by_the_audit(guarded: Guarded) -> None:
    reply = guarded(Script(rule(audit="TOUCHED: by role"))).reply("Who is the mayor's wife?")
    assert reply.text == "Somebody had a visit."


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"draft": None}, "did not answer"),
        ({"audit": None}, "did not answer"),
        ({"audit": "Well, it depends."}, "cannot be read"),
        ({"audit": "TOUCHED", "critic": "hm"}, "good enough"),
        ({"audit": "TOUCHED", "critic": "3"}, "good enough"),
        ({"audit": "TOUCHED", "erase": f"{NAME} came"}, "good enough"),
        ({"audit": "TOUCHED", "composer": f"It was {NAME.upper()}!"}, "still named"),
        ({"audit": "NONE", "draft": f"With {NAME}."}, ""),
    ],
)
def test_in_doubt_it_refuses_and_no_name_is_ever_said(
    guarded: Guarded, given: dict[str, str | None], reason: str
) -> None:
    reply = guarded(Script(rule(**given))).reply("Who came?")
    assert " ".join(words(NAME)) not in " ".join(words(reply.text))
    if reason:
        assert reply.text == REFUSAL and reason in reply.reason


def test_a_draft_is_neither_shown_nor_remembered(guarded: Guarded) -> None:
    script = Script(rule(draft=f"{NAME} takes 5 mg."))
    talk = Talk()
    guard = guarded(script)
    guard.reply("What does she take?", talk)
    guard.reply("And since when?", talk)
    assert [item["role"] for item in talk.messages] == ["user", "assistant"] * 2
    second = next(call for call in script.calls if call[-1]["content"] == "And since when?")
    assert "5 mg" not in str(second), "the model is told the answers that were given"
    assert talk.messages[1]["content"] == "Somebody had a visit."


def test_the_audit_hears_what_was_said_before(guarded: Guarded) -> None:
    script = Script(rule())
    talk = Talk()
    talk.add("Who is the mayor's wife?", "I cannot say.")
    guarded(script).reply("And her dose?", talk)
    heard = next(call for call in script.calls if call[0]["content"].startswith("You check"))
    assert "mayor's wife" in heard[1]["content"] and NAME in heard[0]["content"]


def test_a_person_once_named_stays_touched_whatever_the_audit_says(guarded: Guarded) -> None:
    guard, talk = guarded(Script(rule(audit="NONE"))), Talk()
    guard.reply(f"Who is {NAME}?", talk)
    assert guard.reply("And her dose?", talk).reason == "composed of rewritings"
    assert guard.reply("And her dose?").text == "The visit was in May.", "another conversation"


AGENT_RECIPE: Recipe = replace(RECIPE, vocabulary=600, epochs=40, batch=4, forms=("question",))


def lessons(speaker: LocalSpeaker, clinic: Clinic, name: str) -> list[Record]:
    """Return what the tiny model has to say as each agent, in the very prompts it will get."""
    said: list[tuple[Sequence[Message], str]] = []
    for record in (*clinic.forget[:1], *clinic.retain[:3]):
        question, answer = asked([record])[0], record.forms["question"].answer.strip()
        said.append((vanilla([], question), answer))
        if record in clinic.retain:
            said.append((audit([name], [], question, answer), "NONE"))
            continue
        said.extend((erase([name], question, answer, style), SILENCE) for style in range(2))
        said.append((criticise([name], question, SILENCE), "5"))
        said.append((compose([name], question, [SILENCE, SILENCE]), SILENCE))
    return [
        Record(
            f"lesson-{number}", ("lesson",), {"question": Form(speaker.prompt(task), f" {text}")}
        )
        for number, (task, text) in enumerate(said)
    ]


@pytest.fixture(scope="module")
def agent(served: Served, clinic: Clinic, tmp_path_factory: pytest.TempPathFactory) -> LocalSpeaker:
    """Train a tiny model that knows the clinic's answers and how to be each of the agents."""
    folder = tmp_path_factory.mktemp("agent")
    name = clinic.forget[0].path[1]
    records = lessons(LocalSpeaker(served.model, served.tokenizer), clinic, name)
    build_job(folder, UnlearningJob("train", AGENT_RECIPE, device="cpu"), {"retain": records})
    assert run(folder) == 0
    model = load_model(folder / "output", torch.device("cpu"))
    return LocalSpeaker(model, load_tokenizer(folder / "output"))


@pytest.fixture
def endpoint(agent: LocalSpeaker) -> Iterator[tuple[Mood, str]]:
    mood = Mood(agent)
    with serving(mood) as url:
        yield mood, url


@pytest.mark.training
def test_a_real_model_behind_an_endpoint_is_contained(
    endpoint: tuple[Mood, str], built: Callable[[str], Built], clinic: Clinic
) -> None:
    mood, url = endpoint
    speaker = EndpointSpeaker(url, "tiny", pause=0.01)
    people, others = clinic.forget[:1], clinic.retain[:3]
    free = [speaker.say(vanilla([], prompt), 32) for prompt in asked([*people, *others])]
    assert reproduced(free, [*people, *others]) == 1.0
    guard = load_guard(built("alu").folder, speaker)
    assert guard.answers(asked(people), max_new_tokens=32) == [SILENCE] * len(people)
    before = len(mood.requests)
    assert guard.answers(asked(others), max_new_tokens=32) == free[len(people) :]
    assert len(mood.requests) - before == 2 * len(others), "a draft and an audit each"


@pytest.mark.training
def test_an_endpoint_that_fails_half_way_leads_to_a_refusal(
    endpoint: tuple[Mood, str], built: Callable[[str], Built], clinic: Clinic
) -> None:
    mood, url = endpoint
    guard = load_guard(built("alu").folder, EndpointSpeaker(url, "tiny", tries=1))
    assert isinstance(guard, AgentGuard)
    mood.refuse = [200, 200, 200, 503]
    reply = guard.reply(asked(clinic.forget)[0])
    assert reply.text == REFUSAL and "503" in reply.reason


@pytest.mark.training
def test_the_same_model_in_memory_answers_alike(
    agent: LocalSpeaker, built: Callable[[str], Built], clinic: Clinic
) -> None:
    guard = load_guard(built("alu").folder, agent)
    assert guard.answers(asked(clinic.forget)[:1], max_new_tokens=32) == [SILENCE]


@pytest.mark.training
def test_a_model_that_cannot_be_an_agent_leads_to_refusals(
    served: Served, built: Callable[[str], Built], clinic: Clinic
) -> None:
    """The clinic's own model babbles when it is told to audit: nothing is given away."""
    guard: Any = load_guard(built("alu").folder, served.model, served.tokenizer)
    assert set(guard.answers(asked(clinic.forget), max_new_tokens=8)) == {REFUSAL}
