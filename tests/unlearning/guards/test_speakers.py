"""An endpoint is asked as the deployer set it: patiently, with its key, and nobody else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unlearning.guards.endpoint import Mood, serving
from unlearning.guards.speakers import (
    KEY_VARIABLE,
    EndpointSpeaker,
    Messages,
    Speaker,
    SpeakerError,
)

HELLO = [{"role": "user", "content": "hello"}]


class Echo(Speaker):
    def say(self, messages: Messages, tokens: int, **generation: object) -> str:  # noqa: ARG002 - the interface
        return f"{messages[-1]['content']} {tokens}"


@pytest.fixture
def mood() -> Mood:
    return Mood(Echo())


@pytest.fixture
def address(mood: Mood) -> Iterator[str]:
    with serving(mood) as url:
        yield url


def test_it_asks_in_the_chat_interface_and_returns_the_text(mood: Mood, address: str) -> None:
    assert EndpointSpeaker(address, "tiny").say(HELLO, 7) == "hello 7"
    (body,) = mood.requests
    assert body == {"model": "tiny", "messages": HELLO, "max_tokens": 7, "temperature": 0.0}
    assert mood.keys == [""]


def test_the_key_comes_from_the_environment_alone(
    mood: Mood, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "secret")
    EndpointSpeaker(address, "tiny").say(HELLO, 7)
    assert mood.keys == ["Bearer secret"]


def test_a_key_never_travels_in_plain_text_to_another_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "secret")
    with pytest.raises(ValueError, match="https only"):
        EndpointSpeaker("http://models.example.org/v1", "tiny")
    EndpointSpeaker("https://models.example.org/v1", "tiny").close()


@pytest.mark.parametrize("url", ["file:///etc/passwd", "models.example.org", "ftp://there/v1"])
def test_only_addresses_of_the_web_are_asked(url: str) -> None:
    with pytest.raises(ValueError, match="https://"):
        EndpointSpeaker(url, "tiny")


def test_a_busy_endpoint_is_asked_again(mood: Mood, address: str) -> None:
    mood.refuse = [503, 429]
    assert EndpointSpeaker(address, "tiny", pause=0.01).say(HELLO, 1) == "hello 1"
    assert len(mood.requests) == 3


def test_after_its_tries_it_gives_up(mood: Mood, address: str) -> None:
    mood.refuse = [500] * 9
    with pytest.raises(SpeakerError, match="500"):
        EndpointSpeaker(address, "tiny", tries=2, pause=0.01).say(HELLO, 1)
    assert len(mood.requests) == 2


@pytest.mark.parametrize("status", [400, 401, 404, 307])
def test_a_refusal_or_a_redirect_is_final(status: int, mood: Mood, address: str) -> None:
    mood.refuse = [status]
    with pytest.raises(SpeakerError, match=str(status)):
        EndpointSpeaker(address, "tiny", pause=0.01).say(HELLO, 1)
    assert len(mood.requests) == 1


def test_a_slow_endpoint_times_out(mood: Mood, address: str) -> None:
    mood.hang = 0.3
    with pytest.raises(SpeakerError, match="ReadTimeout"):
        EndpointSpeaker(address, "tiny", seconds=0.05, tries=1).say(HELLO, 1)


def test_an_endpoint_that_is_not_there_is_said_to_be_unreachable() -> None:
    with serving(Mood(Echo())) as url:
        gone = url
    with pytest.raises(SpeakerError, match="cannot be reached"):
        EndpointSpeaker(gone, "tiny", tries=2, pause=0.01).say(HELLO, 1)


def test_what_is_no_chat_completion_is_said_to_be_none(mood: Mood, address: str) -> None:
    mood.garbage = True
    with pytest.raises(SpeakerError, match="not a chat completion"):
        EndpointSpeaker(address, "tiny").say(HELLO, 1)
