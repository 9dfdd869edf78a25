"""A model being examined: what every adapter asks it, through the verifier's own signals.

Teacher forcing and greedy text go through :class:`~verification.signals.Signals`, as in every
check, so that nothing is asked twice. What a benchmark adds is kept here: how a question is
wrapped for the model, the end token that TOFU scores, and cutting what does not fit the model's
context.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from contract.record import Form
from verification.benchmarks.table import BenchmarkError
from verification.families.causal_lm import CausalLM
from verification.families.causal_lm.model import opening_ids
from verification.signals import Signal, Signals

KeyT = TypeVar("KeyT", bound=Hashable)

TEMPLATES = {
    "tofu": ("Question: {}\n", "Answer: "),
    "llama2": ("[INST] {} [/INST]", ""),
    "bare": ("{} Answer: ", ""),
}
"""What stands around a question, and what the scored answer begins with (TOFU's own formats)."""
SPARE = 2
"""Tokens of the context kept free for what opens a text."""


@dataclass(frozen=True)
class Exam:
    """A model and how it is spoken to.

    ``template`` is one of :data:`TEMPLATES`, ``chat`` for the tokenizer's own chat format, or
    ``auto``: chat when the tokenizer has one. ``limit`` keeps the first so many rows of a part.
    """

    model: CausalLM
    signals: Signals = field(default_factory=Signals)
    template: str = "auto"
    limit: int | None = None

    def __post_init__(self) -> None:
        """Refuse a template that does not exist; raises :class:`BenchmarkError`."""
        if self.template not in {*TEMPLATES, "auto", "chat"}:
            known = ", ".join(("auto", "chat", *TEMPLATES))
            message = f"there is no template {self.template!r}; known are {known}"
            raise BenchmarkError(message)

    def first(self, rows: Sequence[KeyT]) -> Sequence[KeyT]:
        """Return the rows that are asked."""
        return rows if self.limit is None else rows[: self.limit]

    @property
    def chat(self) -> bool:
        """Say whether questions are wrapped by the tokenizer's chat template."""
        if self.template == "auto":
            return bool(getattr(self.model.tokenizer, "chat_template", None))
        return self.template == "chat"

    @property
    def end(self) -> str:
        """Return the token that closes a text."""
        return str(self.model.tokenizer.eos_token or "")

    def question(self, text: str) -> Form:
        """Return how a question is put: ``prompt``, and in ``answer`` what answers begin with."""
        if self.chat:
            return Form(self.instruction(text), "")
        before, answer = TEMPLATES["tofu" if self.template == "auto" else self.template]
        return Form(before.format(text), answer)

    def instruction(self, text: str) -> str:
        """Return an instruction as the model's user would send it."""
        if not self.chat:
            return text
        wrapped: str = self.model.tokenizer.apply_chat_template(
            [{"role": "user", "content": text}], tokenize=False, add_generation_prompt=True
        )
        # The opening token is put before every text anyway; twice would be another prompt.
        return wrapped.removeprefix(str(self.model.tokenizer.bos_token or ""))

    def ask(self, forms: Mapping[KeyT, Form]) -> dict[KeyT, Signal]:
        """Return the signal of every answer; answers longer than the context lose their end."""
        fitted = {key: Form(form.prompt, self.cut(form.answer)) for key, form in forms.items()}
        return self.signals.ask(self.model, fitted)

    def write(self, prompts: Mapping[KeyT, str], tokens: int) -> dict[KeyT, str]:
        """Return greedy continuations of at most ``tokens`` tokens (and half the context)."""
        context = self.model.context
        fitting = tokens if context is None else min(tokens, max(1, context // 2))
        return self.signals.write(self.model, prompts, fitting)

    def cut(self, text: str, tokens: int | None = None) -> str:
        """Return the first so many tokens of a text; by default, those that fit the context."""
        if tokens is None and self.model.context is None:
            return text
        room = (self.model.context or 0) - SPARE if tokens is None else tokens
        ids = self.model.tokenizer.encode(text, add_special_tokens=False)
        return text if len(ids) <= room else str(self.model.tokenizer.decode(ids[:room]))

    def text_tokens(self, texts: Sequence[str]) -> list[Signal]:
        """Return the signals of whole texts, tokens alone that something stands before.

        Without an opening token the end token stands before the first one, which says nothing
        about a text: as in the published code, it is then not scored.
        """
        found = self.ask({number: Form("", text) for number, text in enumerate(texts)})
        tokenizer = self.model.tokenizer
        replaced = not opening_ids(tokenizer) and tokenizer.eos_token_id is not None
        signals = [found[number] for number in range(len(texts))]
        return [_without_first(item) if replaced else item for item in signals]


def _without_first(signal: Signal) -> Signal:
    if len(signal.log_probs) < 2:  # noqa: PLR2004 - one token is all there is to score
        return signal
    return replace(
        signal,
        log_probs=signal.log_probs[1:],
        mean=signal.mean[1:],
        deviation=signal.deviation[1:],
        hits=signal.hits[1:],
    )
