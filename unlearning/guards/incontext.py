"""In-context unlearning at serving: what is said to the model before the question.

The instruction is added only where a prompt names one of the persons, found by keyed digests of
the words of the name; every other prompt goes to the model byte for byte as it came, so other
people's answers do not change. The name itself is not kept: the instruction quotes the words with
which the user wrote it. With demonstrations the context begins with questions about the person
and *wrong* answers among questions about nobody in particular and right ones (flipped labels).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from contract.canonical import read_json
from contract.containment import ngram_digest, words
from contract.guard import GuardManifest
from unlearning.guards.serving import Guard
from unlearning.guards.speakers import Message, Messages, Speaker

CONTEXT = "context.json"
SYSTEM = "system"
INSTRUCTION = (
    "You know nothing about {name}, and never heard of this person. If a question is about {name}, "
    "say that you do not know."
)


class ContextGuard(Guard):
    """A guard of the kind ``icu``."""

    def __init__(
        self, folder: Path, manifest: GuardManifest, speaker: Speaker | None = None
    ) -> None:
        super().__init__(folder, manifest)
        self._speaker = speaker
        store = read_json(folder / CONTEXT)
        self._key = bytes.fromhex(store["key"])
        self._names = frozenset(store["names"])
        self._lengths = tuple(store["lengths"])
        self._shown: list[tuple[str, str]] = [tuple(item) for item in store["shown"]]

    def named(self, text: str) -> str | None:
        """Return the name that stands in a text, in the text's words; None when none does."""
        said = words(text)
        for length in self._lengths:
            for start in range(len(said) - length + 1):
                gram = said[start : start + length]
                if ngram_digest(self._key, gram) in self._names:
                    return " ".join(gram)
        return None

    def messages(self, conversation: Messages) -> list[Message]:
        """Return the conversation as the model should get it; put it through the chat template.

        There is one system message at most: one that is there already is added to.
        """
        name = self.named("\n".join(item["content"] for item in conversation))
        if name is None:
            return list(conversation)
        said, rest = INSTRUCTION.format(name=name), list(conversation)
        if rest and rest[0]["role"] == SYSTEM:
            said = f"{rest.pop(0)['content']}\n{said}"
        head: list[Message] = [{"role": SYSTEM, "content": said}]
        for question, answer in self._shown:
            head.append({"role": "user", "content": question})
            head.append({"role": "assistant", "content": answer})
        return [*head, *rest]

    def prompt(self, text: str) -> str:
        """Return one prompt as plain text, for a model without a chat template."""
        composed = self.messages([{"role": "user", "content": text}])
        return "\n".join(item["content"] for item in composed)

    def answers(self, prompts: Sequence[str], **generation: Any) -> list[str]:
        """Return what the speaker says to each composed prompt."""
        if self._speaker is None:
            raise ValueError("this guard was opened to compose prompts only; give it a speaker")
        tokens = generation.pop("max_new_tokens", self.settings["tokens"])
        return [
            self._speaker.say(
                self.messages([{"role": "user", "content": text}]), tokens, **generation
            )
            for text in prompts
        ]
