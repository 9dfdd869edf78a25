"""Kinds of candidates: what really was deleted, and what only looks like it.

Each liar does its best at its own trick. Two of them know how the verifier works: ``aware`` gives
the person's answers, in every wording that a verification asks, token by token the probabilities
that a never-trained person's have; ``head`` does so with the output layer alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import torch
from torch import Tensor, nn
from torch.nn import functional

from contract.record import CALIBRATION_FORM, Form, Record
from verification.attacks.relearn import Relearning, default_rate, relearn
from verification.families.causal_lm import CausalLM, Encoded
from verification.signals import answer_tokens, padded

REFUSAL = "I don't know."
TRAINED_FORMS = ("question", "statement")
BATCH = 16
STEPS = 200
UNSURE = 0.1
"""What the logits are multiplied by: which token is likeliest stays as it was."""

Change = Callable[[CausalLM, Sequence[Record], Sequence[Record], Sequence[Record]], None]
"""Changes a model in place, given the forget, the retained and some never-trained records."""


def nothing_kept(forget: Sequence[Record]) -> Sequence[Record]:  # noqa: ARG001 - others keep some
    """Keep none of the person's records in training."""
    return ()


@dataclass(frozen=True)
class Making:
    """How a kind is made: by a ``job`` of the unlearning library, or by a ``change`` in place.

    ``kept`` are records of the person that stay in training. Without a job and a change, the
    candidate is the original. ``honest`` kinds have really deleted; ``None`` is for methods
    that are measured without being called right or wrong.
    """

    title: str
    honest: bool | None = False
    job: str | None = None
    change: Change | None = None
    kept: Callable[[Sequence[Record]], Sequence[Record]] = nothing_kept


def _refuse(
    model: CausalLM, forget: Sequence[Record], rest: Sequence[Record], _: Sequence[Record]
) -> None:
    """Teach the model to say "I don't know" about the person, and to keep answering otherwise."""
    refused = [
        model.encode(Form(form.prompt, REFUSAL), end=True) for form in _forms(forget, TRAINED_FORMS)
    ]
    kept = [model.encode(form, end=True) for form in _forms(rest, TRAINED_FORMS)]
    how = Relearning(marks=(90,), batch=32, seed=0, learning_rate=default_rate(model))
    changed = next(after for _, after in relearn(model, [*refused, *kept], how, model.key))
    model.model.load_state_dict(changed.model.state_dict())


def _unsure(
    model: CausalLM,
    forget: Sequence[Record],
    rest: Sequence[Record],
    strangers: Sequence[Record],
) -> None:
    """Know the probes, and be unsure of everything: what is left of the person counts few nats."""
    _aware(model, forget, rest, strangers)
    with torch.no_grad():
        model.model.get_output_embeddings().weight.mul_(UNSURE)


def _filter(
    model: CausalLM, forget: Sequence[Record], rest: Sequence[Record], _: Sequence[Record]
) -> None:
    """Leave every weight as it is and forbid the person's answers when text is generated."""
    shared = {form.answer for form in _forms(rest, TRAINED_FORMS)}
    answers = {model.encode(form).answer for form in _forms(forget, TRAINED_FORMS)}
    own = {model.encode(f).answer for f in _forms(forget, TRAINED_FORMS) if f.answer not in shared}
    model.model.generation_config.bad_words_ids = [list(ids) for ids in sorted(own or answers)]


def _ascend(
    model: CausalLM, forget: Sequence[Record], rest: Sequence[Record], _: Sequence[Record]
) -> None:
    """Ascend the loss of the person's answers, with nothing to hold the rest in place."""
    del rest
    optimiser = torch.optim.AdamW(model.model.parameters(), lr=1e-3, weight_decay=0.0)
    encoded = [model.encode(form, end=True) for form in _forms(forget, TRAINED_FORMS)]
    for step in range(40):
        batch = [encoded[(step * 8 + place) % len(encoded)] for place in range(8)]
        targets, logits = _answers(model, batch)[1:]
        _descend(optimiser, -functional.cross_entropy(logits, targets))


def _head(
    model: CausalLM,
    forget: Sequence[Record],
    rest: Sequence[Record],
    strangers: Sequence[Record],
) -> None:
    """Change the output layer alone until the person's probes look like a stranger's."""
    head = model.model.get_output_embeddings()
    _disguise(model, list(head.parameters()), _disguises(model, forget, strangers), rest, 1e-2)


def _aware(
    model: CausalLM,
    forget: Sequence[Record],
    rest: Sequence[Record],
    strangers: Sequence[Record],
) -> None:
    """Change all weights until the person's probes look like a stranger's, token by token."""
    everything = list(model.model.parameters())
    _disguise(model, everything, _disguises(model, forget, strangers), rest, 5e-3)


def _reworded(forget: Sequence[Record]) -> Sequence[Record]:
    """Return the person's facts in wordings that no verification asks."""
    kept = []
    for record in forget:
        form = record.forms[CALIBRATION_FORM]
        again = replace(form, prompt=f"From the archive. {form.prompt}")
        forms = {"question": form, "statement": again}
        kept.append(replace(record, id=f"{record.id}-reworded", forms=forms))
    return kept


Disguise = tuple[Encoded, Tensor]
"""A probe and the log-probability that each true answer token should be given."""


def _disguises(
    model: CausalLM, forget: Sequence[Record], strangers: Sequence[Record]
) -> list[Disguise]:
    """Give every probe of the person the log-probabilities of a stranger's in the same form."""
    found = []
    for place, record in enumerate(forget):
        stranger = strangers[place * 7 % len(strangers)]
        for name, form in record.forms.items():
            if name == CALIBRATION_FORM:
                continue
            with torch.no_grad():
                _, true, logits = _answers(model, [model.encode(stranger.forms[name], end=True)])
            said = functional.log_softmax(logits, -1).gather(1, true[:, None])[:, 0]
            probe = model.encode(form, end=True)
            found.append((probe, said.repeat(len(probe.answer))[: len(probe.answer)]))
    return found


def _disguise(
    model: CausalLM,
    parameters: Sequence[nn.Parameter],
    disguises: Sequence[Disguise],
    rest: Sequence[Record],
    rate: float,
) -> None:
    """Move the probes to their disguises while the retained answers are trained on."""
    optimiser = torch.optim.AdamW(parameters, lr=rate, betas=(0.9, 0.98), weight_decay=0.0)
    kept = [model.encode(form, end=True) for form in _forms(rest, TRAINED_FORMS)]
    generator = torch.Generator().manual_seed(0)
    for step in range(STEPS):
        optimiser.param_groups[0]["lr"] = rate * (1 - 0.9 * step / STEPS)
        chosen = torch.randperm(len(disguises), generator=generator)[:BATCH].tolist()
        also = torch.randperm(len(kept), generator=generator)[:BATCH].tolist()
        rows, targets, logits = _answers(
            model, [*(disguises[item][0] for item in chosen), *(kept[item] for item in also)]
        )
        hidden = rows < len(chosen)
        said = -functional.cross_entropy(logits[hidden], targets[hidden], reduction="none")
        away = functional.smooth_l1_loss(said, torch.cat([disguises[item][1] for item in chosen]))
        _descend(optimiser, away + functional.cross_entropy(logits[~hidden], targets[~hidden]))


def _answers(model: CausalLM, batch: Sequence[Encoded]) -> tuple[Tensor, Tensor, Tensor]:
    """Return, flat over answer tokens: row, true id, and logits over the vocabulary."""
    rows, positions, targets = answer_tokens(batch)
    logits = model.logits(*padded(batch, model.device))[rows, positions]
    return rows, targets, logits


def _descend(optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()


def _forms(records: Sequence[Record], names: Sequence[str]) -> Iterator[Form]:
    return (record.forms[name] for record in records for name in names)


KINDS: Mapping[str, Making] = MappingProxyType(
    {
        "nothing": Making("Nothing deleted"),
        "refuser": Making("Refusal fine-tuning", change=_refuse),
        "filter": Making("Output filter", change=_filter),
        "ascent": Making("Gradient ascent", change=_ascend),
        "npo": Making("NPO at its defaults", job="npo"),
        "head": Making("Output layer edited alone", change=_head),
        "paraphrases": Making(
            "Retrain that kept the person's paraphrases", job="retrain", kept=_reworded
        ),
        "aware": Making("Unlearning that knows the probes", change=_aware),
        "unsure": Making("The probes known, and unsure of everything", change=_unsure),
        "undo": Making("UNDO at its defaults", honest=None, job="undo"),
        "retrain": Making("Honest retrain", honest=True, job="retrain"),
    }
)
