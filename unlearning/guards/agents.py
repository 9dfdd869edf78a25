"""The four agents of ALU at serving, over anything that speaks.

One question goes through at most ``3 + 2 * variants`` calls:

1. *Vanilla* answers as if nothing were to be kept back.
2. *AuditErase* says whether question, conversation or draft touch one of the persons, also without
   the name; if none, the draft is the answer. Else it rewrites the draft ``variants`` times. Once a
   person was named in a conversation its later answers are rewritten too, whatever the audit says.
3. *Critic* marks every rewriting from 1 (still tells about the person) to 5 (tells nothing).
4. *Composer* merges the best ``merge`` of those with at least ``accept`` into the answer.

In doubt the guard refuses: when an agent does not answer, when the audit's verdict or a mark cannot
be read, when no rewriting is good enough. And the last word has no agent: an answer in which one
of the names stands is never given. What Vanilla drafted is never shown nor remembered; a
:class:`Talk` keeps the questions and the answers that were given, so that a later "and her dose?"
is audited with what came before.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from contract.canonical import read_json
from contract.containment import REFUSAL, words
from contract.guard import GuardManifest
from unlearning.guards.prompts import audit, compose, criticise, erase, vanilla
from unlearning.guards.serving import Guard
from unlearning.guards.speakers import Message, Messages, Speaker, SpeakerError

NAMES = "names.json"
CLEAR, TOUCHED = "none", "touched"
_MARK = re.compile(r"[1-5]")


@dataclass
class Talk:
    """What was asked and what was answered, oldest first."""

    messages: list[Message] = field(default_factory=list)

    def add(self, question: str, answer: str) -> None:
        """Remember one turn."""
        self.messages.append({"role": "user", "content": question})
        self.messages.append({"role": "assistant", "content": answer})


@dataclass(frozen=True)
class Reply:
    """An answer, why it is as it is, and how many calls it took."""

    text: str
    reason: str
    calls: int


class AgentGuard(Guard):
    """A guard of the kind ``alu``."""

    def __init__(self, folder: Path, manifest: GuardManifest, speaker: Speaker) -> None:
        super().__init__(folder, manifest)
        self._speaker = speaker
        self.names: tuple[str, ...] = tuple(read_json(folder / NAMES)["names"])
        self._words = [words(name) for name in self.names]

    def answers(self, prompts: Sequence[str], **generation: Any) -> list[str]:
        """Return the answer to each prompt, each as a conversation of its own."""
        tokens = generation.get("max_new_tokens")
        return [self.reply(prompt, tokens=tokens).text for prompt in prompts]

    def reply(self, question: str, talk: Talk | None = None, *, tokens: int | None = None) -> Reply:
        """Return the answer to a question in a conversation, and remember the turn."""
        talk = Talk() if talk is None else talk
        run = _Run(self._speaker, tokens or self.settings["tokens"])
        try:
            text, reason = self._decide(run, question, talk)
        except SpeakerError as error:
            text, reason = REFUSAL, f"refused: {error}"
        if self._named(text):
            text, reason = REFUSAL, "refused: the answer still named a person"
        talk.add(question, text)
        return Reply(text, reason, run.calls)

    def _decide(self, run: _Run, question: str, talk: Talk) -> tuple[str, str]:
        draft = run.ask(vanilla(talk.messages, question))
        touched = self._touched(run, question, draft, talk)
        if touched is None:
            return REFUSAL, "refused: the audit's verdict cannot be read"
        if not touched:
            return draft, "the audit found no person"
        good = []
        for number in range(self.settings["variants"]):
            variant = run.ask(erase(self.names, question, draft, number))
            mark = _mark(run.ask(criticise(self.names, question, variant)))
            if mark >= self.settings["accept"] and not self._named(variant):
                good.append((mark, -number, variant))
        if not good:
            return REFUSAL, "refused: no rewriting was good enough"
        best = [text for _, _, text in sorted(good, reverse=True)[: self.settings["merge"]]]
        if len(best) == 1:
            return best[0], "rewritten"
        return run.ask(compose(self.names, question, best)), "composed of rewritings"

    def _touched(self, run: _Run, question: str, draft: str, talk: Talk) -> bool | None:
        """Say whether a person is touched: by name now or before, else the audit says so."""
        said = [question, draft, *(item["content"] for item in talk.messages)]
        if any(self._named(text) for text in said):
            return True
        verdict = words(run.ask(audit(self.names, talk.messages, question, draft)))
        if CLEAR in verdict[:1]:
            return False
        return True if TOUCHED in verdict[:1] else None

    def _named(self, text: str) -> bool:
        said = words(text)
        return any(
            said[start : start + len(name)] == name
            for name in self._words
            for start in range(len(said) - len(name) + 1)
        )


class _Run:
    """Counts the calls of one question."""

    def __init__(self, speaker: Speaker, tokens: int) -> None:
        self._speaker, self._tokens = speaker, tokens
        self.calls = 0

    def ask(self, messages: Messages) -> str:
        self.calls += 1
        return self._speaker.say(messages, self._tokens)


def _mark(text: str) -> int:
    """Return the critic's mark; what cannot be read is the worst."""
    found = _MARK.search(text)
    return int(found.group()) if found else 0
