"""Who speaks: a transformers model in memory, or an endpoint with OpenAI's chat interface.

Both take messages (``{"role": ..., "content": ...}``) and return text. The endpoint is the one
the deployer names; redirects are not followed and the key comes from the environment alone, so
that it stands in no settings, no command line and no log.
"""

from __future__ import annotations

import os
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
from torch import nn
from transformers import LogitsProcessorList

from unlearning.guards.serving import encoded, generated

Message = Mapping[str, str]
Messages = Sequence[Message]
KEY_VARIABLE = "EXPUNGE_ENDPOINT_KEY"
AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
LONGEST_WAIT = 8.0


class SpeakerError(RuntimeError):
    """A speaker that did not answer; the sentence holds nothing of what was asked."""


class Speaker(ABC):
    """Something that answers a conversation."""

    @abstractmethod
    def say(self, messages: Messages, tokens: int, **generation: Any) -> str:
        """Return what comes next, of at most ``tokens`` tokens; raises :class:`SpeakerError`."""


class LocalSpeaker(Speaker):
    """A transformers model; without a chat template the contents stand one under another."""

    def __init__(self, model: nn.Module, tokenizer: Any) -> None:
        self._model, self._tokenizer = model, tokenizer

    def prompt(self, messages: Messages) -> str:
        """Return the conversation as the text that the model continues."""
        if getattr(self._tokenizer, "chat_template", None):
            text: str = self._tokenizer.apply_chat_template(
                list(messages), tokenize=False, add_generation_prompt=True
            )
            return text
        return "\n".join(item["content"] for item in messages)

    def say(self, messages: Messages, tokens: int, **generation: Any) -> str:
        """Return the model's greedy continuation."""
        inputs = encoded(self._tokenizer, [self.prompt(messages)]).to(self._model.device)
        given = {"max_new_tokens": tokens, **generation}
        return generated(self._model, self._tokenizer, inputs, LogitsProcessorList(), **given)[
            0
        ].strip()


class EndpointSpeaker(Speaker):
    """``POST {url}/chat/completions``, tried a few times; ``url`` ends in ``/v1`` as a rule.

    ``seconds`` bounds each try. The key of the environment variable ``EXPUNGE_ENDPOINT_KEY`` is
    sent as a bearer token, if there is one; over plain ``http`` only to this machine.
    """

    def __init__(  # noqa: PLR0913 - one a deployer may set each
        self,
        url: str,
        model: str,
        *,
        seconds: float = 30.0,
        tries: int = 3,
        pause: float = 0.5,
        key_variable: str = KEY_VARIABLE,
    ) -> None:
        address = httpx.URL(url)
        if address.scheme not in {"http", "https"} or not address.host:
            raise ValueError("an endpoint's address starts with https:// or http://")
        key = os.environ.get(key_variable, "")
        if key and address.scheme == "http" and address.host not in {"localhost", "127.0.0.1"}:
            raise ValueError("a key is sent over https only; the endpoint's address is plain http")
        self._url, self._model = f"{url.rstrip('/')}/chat/completions", model
        self._tries, self._pause = max(1, tries), pause
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._client = httpx.Client(
            headers=headers, timeout=seconds, follow_redirects=False, trust_env=False
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def say(self, messages: Messages, tokens: int, **generation: Any) -> str:
        """Ask the endpoint, again after a short wait when it is busy, slow or gone."""
        body = {
            "model": self._model,
            "messages": list(messages),
            "max_tokens": tokens,
            "temperature": 0.0,
            **generation,
        }
        trouble = "did not answer"
        for number in range(self._tries):
            if number:
                time.sleep(min(LONGEST_WAIT, self._pause * 2 ** (number - 1)))
            try:
                answer = self._client.post(self._url, json=body)
            except httpx.HTTPError as error:
                trouble = f"cannot be reached ({type(error).__name__})"
                continue
            if answer.status_code == httpx.codes.OK:
                return _text(answer)
            trouble = f"answered with status {answer.status_code}"
            if answer.status_code not in AGAIN:
                break
        raise SpeakerError(f"the endpoint {trouble}")


def _text(answer: httpx.Response) -> str:
    try:
        said = answer.json()["choices"][0]["message"]["content"]
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise SpeakerError("the endpoint's answer is not a chat completion") from error
    if not isinstance(said, str):
        raise SpeakerError("the endpoint's answer holds no text")
    return said.strip()
