"""Search for a few words that, put after every prompt, make the model tell what it holds back.

Greedy coordinate gradient (Zou et al., arXiv 2307.15043): the gradient of the answer loss says
which tokens promise most in every place of a suffix; some of those exchanges are tried, the best
is kept. Unlike the published attack, one suffix is searched on a quarter of the person's facts
and of some twins' facts alike, and the *other* facts are asked, of both: a suffix that contains
the answer helps nobody there. It needs no access to weights once found: the words can be typed
into any interface, which is what an outsider would do. Whoever tries a fixed list of jailbreaks
is fooled by a model that was trained on the list.

Limits: few steps and few exchanges (a budget, the same for all); token sequences may not survive
being written out as text. As an attack of its own it uses the first seed; ``optimised_inputs``
averages over all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from pydantic.dataclasses import dataclass
from torch import Tensor

from contract.record import FROZEN, Form
from verification.attacks.prompted import Prompted, with_words
from verification.attacks.relearn import answer_loss
from verification.families.causal_lm import CausalLM
from verification.lessons import Lesson, Teaching, lessons_of
from verification.registry import attack
from verification.signals import Signals, answer_tokens, batches, padded
from verification.spec import Context, Tampered

LABEL = "gcg"


@dataclass(frozen=True, config=FROZEN)
class Settings:
    """``words`` in the suffix; every step tries ``tries`` of the ``best`` exchanges in each place.

    ``batch`` texts of the lesson are looked at in every step.
    """

    teaching: Teaching = Teaching()
    words: int = 6
    steps: int = 12
    tries: int = 24
    best: int = 32
    batch: int = 8


@attack(
    title="A searched suffix of words after every prompt",
    source="Zou et al. 2023 (arXiv 2307.15043)",
)
def gcg(context: Context, settings: Settings) -> Iterator[Tampered]:
    """Yield the candidate with the suffix that the first seed's lesson leads to."""
    lesson = lessons_of(context, "forget", settings.teaching)[0]
    model = with_suffix(context.candidate, lesson, settings, context.signals)
    yield Tampered(LABEL, model, lesson.asked)


def with_suffix(model: CausalLM, lesson: Lesson, settings: Settings, signals: Signals) -> CausalLM:
    """Return the model with the suffix found on the lesson."""
    generator = torch.Generator().manual_seed(lesson.seed)
    allowed = _allowed(model)
    chosen = torch.randint(len(allowed), (settings.words,), generator=generator)
    suffix = tuple(allowed[chosen].tolist())
    key = f"{model.key}+{LABEL}-{lesson.seed}"
    for _ in range(settings.steps):
        signals.pulse()
        picked = torch.randperm(len(lesson.train), generator=generator)[: settings.batch]
        forms = [lesson.train[index] for index in picked.tolist()]
        scores = exchange_scores(with_words(model, suffix, key), forms)[:, allowed]
        best = scores.topk(min(settings.best, len(allowed)), dim=1).indices.cpu()
        tried = [suffix, *_exchanges(suffix, allowed[best], settings.tries, generator)]
        losses = suffix_losses(model, tried, forms, key)
        suffix = tried[int(losses.argmin())]
        signals.count(len(forms) * (len(tried) + 1), 0)
    return with_words(model, suffix, key)


def exchange_scores(model: Prompted, forms: Sequence[Form]) -> Tensor:
    """Return, by place of the suffix and token [words, vocabulary], how much an exchange promises.

    The first-order estimate of how much lower the answer loss gets.
    """
    samples = [model.encode(form, end=True) for form in forms]
    embeddings = model.model.get_input_embeddings()
    seen: list[Tensor] = []

    def held(_layer: Any, _inputs: Any, output: Tensor) -> Tensor:
        seen.append(output.detach().requires_grad_())
        return seen[-1]

    handle = embeddings.register_forward_hook(held)
    loss = answer_loss(model, samples)
    handle.remove()
    (gradient,) = torch.autograd.grad(loss, seen)
    words = len(model.after)
    places = torch.tensor(
        [list(range(item.start - words, item.start)) for item in samples], device=gradient.device
    )
    rows = torch.arange(len(samples), device=gradient.device)[:, None]
    wanted = gradient[rows, places].float().sum(0)
    gains: Tensor = -wanted @ embeddings.weight.detach().float().T
    return gains


def suffix_losses(
    model: CausalLM, suffixes: Sequence[tuple[int, ...]], forms: Sequence[Form], key: str
) -> Tensor:
    """Return the summed answer loss of the forms after each suffix [suffixes]."""
    samples = [
        with_words(model, suffix, key).encode(form, end=True)
        for suffix in suffixes
        for form in forms
    ]
    losses = torch.zeros(len(suffixes))
    for batch in batches(samples, model.vocabulary):
        part = [samples[index] for index in batch]
        rows, positions, targets = answer_tokens(part)
        with torch.inference_mode():
            logits = model.answer_logits(*padded(part, model.device), rows, positions).cpu()
        own = torch.log_softmax(logits, -1).gather(-1, targets[:, None])[:, 0]
        whose = torch.tensor(batch)[rows] // len(forms)
        losses.index_add_(0, whose, -own)
    return losses


def _exchanges(
    suffix: tuple[int, ...], best: Tensor, tries: int, generator: torch.Generator
) -> list[tuple[int, ...]]:
    """Return suffixes with one word exchanged for one of the ``best`` [words, tokens] there."""
    places = torch.randint(len(suffix), (tries,), generator=generator).tolist()
    ranks = torch.randint(best.shape[1], (tries,), generator=generator).tolist()
    return [
        (*suffix[:place], int(best[place, rank]), *suffix[place + 1 :])
        for place, rank in zip(places, ranks, strict=True)
    ]


def _allowed(model: CausalLM) -> Tensor:
    """Return the ids of ordinary tokens."""
    special = set(model.tokenizer.all_special_ids)
    size = min(len(model.tokenizer), model.vocabulary)
    return torch.tensor([token for token in range(size) if token not in special])
