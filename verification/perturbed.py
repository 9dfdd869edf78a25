"""Records in strange company and records slightly changed: the probes of two membership attacks.

* *Prefixed*: the same question after a few records of a never-trained person (ReCaLL).
* *Copies*: the same question with some tokens of the answer exchanged (the neighbourhood
  attack). What stands in their place is drawn by how often tokens occur in the answers of other
  people, so that no second language model is needed.

Both are pure functions of texts, tokenizer and seed: no model is asked, so the probes of the
original and of the candidate are the same.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contract.record import Form
from verification.families.causal_lm import CausalLM


@dataclass(frozen=True)
class Frequencies:
    """How often each token stands in the answers of other people's records."""

    counts: NDArray[np.float64]

    @classmethod
    def of(cls, model: CausalLM, forms: Iterable[Form]) -> Frequencies:
        """Count the answers' tokens."""
        found = Counter(token for form in forms for token in model.encode(form).answer)
        counts = np.zeros(max(model.vocabulary, *(token + 1 for token in found), 1))
        for token, count in found.items():
            counts[token] = count
        return cls(counts)

    @property
    def kinds(self) -> int:
        """Return how many different tokens were seen."""
        return int(np.count_nonzero(self.counts))

    def share(self, token: int) -> float:
        """Return a token's share, every token counted once more than it was seen (Laplace)."""
        return float((self.counts[token] + 1.0) / (self.counts.sum() + self.counts.size))

    def draw(self, rng: np.random.Generator, other_than: int) -> int:
        """Draw a token by frequency that is not ``other_than``."""
        weights = self.counts.copy()
        weights[other_than] = 0.0
        return int(rng.choice(weights.size, p=weights / weights.sum()))


def copies_of(  # noqa: PLR0913 - what is copied, from what, how often, how much, and the seed
    model: CausalLM,
    form: Form,
    common: Frequencies,
    *,
    copies: int,
    share: float,
    seed: int,
) -> Iterator[Form]:
    """Yield copies of a form with ``share`` of the answer's tokens (at least one) exchanged.

    Raises:
        ValueError: if the frequencies hold no two tokens to choose between.
    """
    if common.kinds < 2:  # noqa: PLR2004 - something else must be there to be drawn
        message = "there are no other people's answers to draw perturbed copies from"
        raise ValueError(message)
    tokens = model.encode(form).answer
    wanted = max(1, round(share * len(tokens)))
    # The text is part of the seed: its copies are the same in whatever company it is asked.
    rng = np.random.default_rng([seed, zlib.crc32(f"{form.prompt}\n{form.answer}".encode())])
    for _ in range(copies):
        changed = list(tokens)
        for place in rng.choice(len(tokens), wanted, replace=False):
            changed[place] = common.draw(rng, tokens[place])
        yield Form(form.prompt.rstrip(" "), model.decode(changed))


def prefix_of(
    model: CausalLM, company: Sequence[Form], forms: Sequence[Form], shots: int
) -> str | None:
    """Return up to ``shots`` records of ``company`` as text, as many as fit before every form.

    ``None`` when not even one does.
    """
    longest = max(len(model.encode(form).ids) for form in forms)
    for count in range(min(shots, len(company)), 0, -1):
        prefix = "".join(f"{form.prompt}{form.answer}\n" for form in company[:count])
        # A prompt that is too long comes back cut to the whole context, and then nothing fits.
        if model.context is None or len(model.encode_prompt(prefix).ids) + longest <= model.context:
            return prefix
    return None


def prefixed(prefix: str, form: Form) -> Form:
    """Return the same question with the prefix before it."""
    return Form(prefix + form.prompt, form.answer)
