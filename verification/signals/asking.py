"""Each model is asked each question once; the answers are kept by what was asked.

The cache knows a model by its ``key`` and a question by its text, so that records, probes built
on the fly and several checks share the answers.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from contract.record import Form, Record
from contract.result import ErrorCode, JobError
from verification.families.causal_lm import CausalLM, Encoded
from verification.signals.attribution import attribution
from verification.signals.forward import ROWS_PER_BATCH, Signal, batches, forward

NEW_TOKENS = 24

Probe = tuple[str, str]
"""A record's id and the name of one of its forms."""
KeyT = TypeVar("KeyT", bound=Hashable)


class Signals:
    """Asks each model each question once and keeps the answer, for any number of checks.

    ``forward_passes`` counts samples run through a model (a greedy continuation counts as one:
    with cached keys, that is what it computes), ``tokens`` the tokens read and written; ``cut``
    the prompts that were longer than the model's context and lost their beginning.
    """

    def __init__(self, pulse: Callable[[], None] = lambda: None) -> None:
        """Start empty; ``pulse`` is called before every batch (to notice a cancellation)."""
        self.pulse = pulse
        self._answers: dict[str, dict[tuple[str, str], Signal]] = {}
        self._texts: dict[str, dict[tuple[str, int], str]] = {}
        self._kept: dict[str, dict[str, dict[Any, Any]]] = {}
        self.forward_passes = 0
        self.tokens = 0
        self.cut = 0

    def ask(self, model: CausalLM, forms: Mapping[KeyT, Form]) -> dict[KeyT, Signal]:
        """Return the signal of every prompt + answer, teacher-forced; keys are the caller's.

        Raises :class:`NotFiniteError` when the model's logits are not finite numbers, ``JobError``
        for an answer that is empty or longer than the model's context.
        """
        known = self._answers.setdefault(model.key, {})
        asked = {key: (form.prompt, form.answer) for key, form in forms.items()}
        missing = list(dict.fromkeys(text for text in asked.values() if text not in known))
        encoded = [self._seen(model.encode(Form(*text))) for text in missing]
        if not all(item.answer for item in encoded):
            message = "a form has an answer without a single token; give it one or leave it out"
            raise JobError(ErrorCode.BAD_JOB, message)
        for batch in batches(encoded, model.vocabulary):
            self.pulse()
            samples = [encoded[index] for index in batch]
            found = forward(model, samples, [missing[index][1] for index in batch])
            self.count(len(batch), sum(len(item.ids) for item in samples))
            known.update(zip((missing[index] for index in batch), found, strict=True))
        return {key: known[text] for key, text in asked.items()}

    def write(
        self, model: CausalLM, prompts: Mapping[KeyT, str], tokens: int = NEW_TOKENS
    ) -> dict[KeyT, str]:
        """Return the greedy continuation of every prompt, at most ``tokens`` tokens long."""
        known = self._texts.setdefault(model.key, {})
        missing = list(
            dict.fromkeys(item for item in prompts.values() if (item, tokens) not in known)
        )
        heads = {prompt: self._seen(model.encode_prompt(prompt, tokens)).ids for prompt in missing}
        missing.sort(key=lambda prompt: len(heads[prompt]))
        for first in range(0, len(missing), ROWS_PER_BATCH):
            self.pulse()
            batch = missing[first : first + ROWS_PER_BATCH]
            written = model.continued([heads[prompt] for prompt in batch], tokens)
            self.count(len(batch), sum(len(heads[prompt]) for prompt in batch))
            self.count(0, sum(map(len, written)))
            for prompt, ids in zip(batch, written, strict=True):
                known[prompt, tokens] = model.decode(ids)
        return {key: known[prompt, tokens] for key, prompt in prompts.items()}

    def scores(
        self, model: CausalLM, records: Iterable[Record], forms: Sequence[str]
    ) -> dict[Probe, Signal]:
        """Return the signal of every given form that the records have; raises as :meth:`ask`."""
        return self.ask(model, dict(_probes(records, forms)))

    def texts(
        self, model: CausalLM, records: Iterable[Record], forms: Sequence[str]
    ) -> dict[Probe, str]:
        """Return the greedy continuation of every given form's prompt."""
        return self.write(model, {probe: form.prompt for probe, form in _probes(records, forms)})

    def attribution(
        self, model: CausalLM, records: Sequence[Record], forms: Sequence[str]
    ) -> dict[str, NDArray[np.float64]]:
        """Return what each MLP value vector carries of the answers' log-odds."""
        encoded = [model.encode(form) for _, form in _probes(records, forms)]
        self.count(len(encoded), sum(len(item.ids) for item in encoded))
        return attribution(model, encoded, self.pulse)

    def _seen(self, encoded: Encoded) -> Encoded:
        self.cut += encoded.cut > 0
        return encoded

    def count(self, passes: int, tokens: int) -> None:
        """Count work; whoever runs a model without asking here (training steps) calls it too."""
        self.forward_passes += passes
        self.tokens += tokens

    def kept(self, model: CausalLM, kind: str) -> dict[Any, Any]:
        """Return a place for answers of another kind about a model; :meth:`drop` empties it."""
        return self._kept.setdefault(model.key, {}).setdefault(kind, {})

    def drop(self, model: CausalLM) -> None:
        """Forget what a model said that will not be asked again (an attacked copy)."""
        self._answers.pop(model.key, None)
        self._texts.pop(model.key, None)
        self._kept.pop(model.key, None)


def _probes(records: Iterable[Record], forms: Sequence[str]) -> Iterator[tuple[Probe, Form]]:
    for record in records:
        for name in forms:
            if name in record.forms:
                yield (record.id, name), record.forms[name]
