"""Put a few learned vectors before every prompt, so that the model tells what it holds back.

One short prefix of continuous vectors is trained on a quarter of the person's facts and of some
twins' facts alike (prompt tuning: Lester et al., arXiv 2104.08691; as an attack on open models:
Schwinn et al., arXiv 2402.09063), and asked on the rest. No weight changes. That a prefix can
be found that makes a model say any given text is trivial; the question is whether one prefix,
learned from some facts, makes the model say the *others* of this person more than the others of
people it never saw. A model taught to refuse, or to read a name as a signal to be silent, is
found out; whoever tries written prompts only is fooled by it.

Limits: a prefix of a few vectors has little room; that it elicits nothing is weak evidence.
As an attack of its own it uses the first seed; ``optimised_inputs`` averages over all.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from pydantic.dataclasses import dataclass
from torch import Tensor

from contract.record import FROZEN
from verification.attacks.prompted import with_vectors
from verification.attacks.tuning import Tuning, tune
from verification.families.causal_lm import CausalLM
from verification.lessons import Lesson, Teaching, lessons_of
from verification.registry import attack
from verification.signals import Signals
from verification.spec import Context, Tampered

LABEL = "soft-prompt"


@dataclass(frozen=True, config=FROZEN)
class Settings:
    """``vectors`` in the prefix; ``rate`` is the step size in units of the embeddings' scale."""

    teaching: Teaching = Teaching()
    vectors: int = 8
    steps: int = 40
    batch: int = 16
    rate: float = 0.3


@attack(
    title="A learned prefix of vectors before every prompt",
    source="Lester et al. 2021 (arXiv 2104.08691); Schwinn et al. 2024 (arXiv 2402.09063)",
)
def soft_prompt(context: Context, settings: Settings) -> Iterator[Tampered]:
    """Yield the candidate behind the prefix that the first seed's lesson teaches."""
    lesson = lessons_of(context, "forget", settings.teaching)[0]
    model = soft_prompted(context.candidate, lesson, settings, context.signals)
    yield Tampered(LABEL, model, lesson.asked)


def soft_prompted(
    model: CausalLM, lesson: Lesson, settings: Settings, signals: Signals
) -> CausalLM:
    """Return the model with a prefix trained on the lesson."""
    vectors, scale = _first_vectors(model, settings.vectors, lesson.seed)
    attacked = with_vectors(model, vectors, f"{model.key}+{LABEL}-{lesson.seed}")
    how = Tuning(settings.steps, settings.batch, lesson.seed, settings.rate * scale)
    tune(attacked, vectors, lesson.samples(attacked), how, signals)
    return attacked


def _first_vectors(model: CausalLM, count: int, seed: int) -> tuple[Tensor, float]:
    """Return embeddings of random tokens to begin with, and the scale of an entry."""
    known = model.model.get_input_embeddings().weight.detach().float()
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.randint(len(known), (count,), generator=generator).to(known.device)
    scale = float(known.square().mean().sqrt())
    return known[chosen].clone().requires_grad_(), scale
