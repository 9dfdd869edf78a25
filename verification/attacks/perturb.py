"""Push the model from within: one vector added to every token's embedding, or at one layer.

The vector is found by gradient descent on a quarter of the person's facts and of some twins'
facts alike, within a ball whose radius is a share of the usual length of what it is added to,
and then the other facts are asked (embedding-space attacks: Schwinn et al., arXiv 2402.09063;
latent-space perturbation as one of six tampering attacks: Che et al., arXiv 2502.05209). A
direction that unlearning laid over the person's facts ("say that you do not know") is cancelled
by the opposite one, for all facts at once. A push that makes a model say any one given text can
always be found; therefore one push must serve facts that it was not made for, and twins are
pushed by the same.

Limits: a single direction; knowledge hidden behind several is not reached. Attacks that make a
push for every prompt separately are stronger in text and say less, because they put the answer
in themselves. As an attack of its own it uses the first seed; ``optimised_inputs`` averages.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from contract.record import FROZEN
from verification.attacks.tuning import Tuning, sharing, tune
from verification.families.causal_lm import CausalLM, Encoded
from verification.lessons import Lesson, Teaching, lessons_of
from verification.registry import attack
from verification.signals import Signals, padded
from verification.spec import Context, Tampered

EMBEDDING, LATENT = "perturb-embedding", "perturb-latent"
SAMPLES = 16
"""Texts from which the usual length of an activation is taken."""


@dataclass(frozen=True, config=FROZEN)
class Settings:
    """``radius`` in lengths of an activation; ``depth`` of the latent push, 0 first to 1 last.

    ``rate`` is the step size as a share of the radius.
    """

    teaching: Teaching = Teaching()
    radius: float = 1.0
    depth: float = 0.5
    steps: int = 40
    batch: int = 16
    rate: float = 0.05


@attack(
    title="A learned push inside the model",
    source="Schwinn et al. 2024 (arXiv 2402.09063); Che et al. 2025 (arXiv 2502.05209)",
)
def perturb(context: Context, settings: Settings) -> Iterator[Tampered]:
    """Yield the candidate pushed at its embeddings and at a layer, by the first seed's lesson."""
    for label in (EMBEDDING, LATENT):
        if context.wants(label):
            lesson = lessons_of(context, "forget", settings.teaching)[0]
            model = perturbed(context.candidate, label, lesson, settings, context.signals)
            yield Tampered(label, model, lesson.asked)


def perturbed(
    model: CausalLM, label: str, lesson: Lesson, settings: Settings, signals: Signals
) -> CausalLM:
    """Return the model with the push that the lesson teaches; ``label`` says where."""
    attacked = sharing(model, f"{model.key}+{label}-{lesson.seed}")
    place = _place(attacked.model, label, settings.depth)
    samples = lesson.samples(attacked)
    length = _usual_length(attacked, place, samples[:SAMPLES])
    radius = settings.radius * length
    hidden = model.model.get_input_embeddings().weight.shape[1]
    push = torch.zeros(hidden, device=model.device, requires_grad=True)
    place.register_forward_hook(lambda _layer, _inputs, output: _pushed(output, push))
    # Adam moves every entry by the rate: a vector by the rate times the root of its size.
    rate = settings.rate * radius / hidden**0.5
    how = Tuning(settings.steps, settings.batch, lesson.seed, rate, radius)
    tune(attacked, push, samples, how, signals)
    return attacked


def _place(model: Any, label: str, depth: float) -> nn.Module:
    """Return the module after which the push is added."""
    if label == EMBEDDING:
        embeddings: nn.Module = model.get_input_embeddings()
        return embeddings
    stacks = [
        module
        for module in model.modules()
        if isinstance(module, nn.ModuleList) and len(module) == model.config.num_hidden_layers
    ]
    return stacks[0][round(depth * (len(stacks[0]) - 1))]


def _pushed(output: Any, push: Tensor) -> Any:
    """Return a layer's output [..., hidden] with the push added (the first of a tuple)."""
    if isinstance(output, tuple):
        return (output[0] + push.to(output[0]), *output[1:])
    return output + push.to(output)


def _usual_length(model: CausalLM, place: nn.Module, samples: Sequence[Encoded]) -> float:
    """Return the mean length of what the module puts out, over all tokens of the samples."""
    seen: list[Tensor] = []

    def look(_layer: nn.Module, _inputs: Any, output: Any) -> None:
        seen.append(output[0] if isinstance(output, tuple) else output)

    handle = place.register_forward_hook(look)
    ids, mask = padded(samples, model.device)
    with torch.no_grad():
        model.logits(ids, mask)
    handle.remove()
    return float(seen[0].float().norm(dim=-1)[mask.bool()].mean())
