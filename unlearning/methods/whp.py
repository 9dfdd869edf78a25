"""Who's Harry Potter: teach the model what somebody who never read the records would say.

Idea: what a model would say without the records can be had from the model itself. (1) Fine-tune it
on the records a little longer, into a *reinforced* model: tokens that rise are the records' own.
(2) Ask the model before unlearning about a stranger: names and other anchored terms are translated
to generic ones (:mod:`unlearning.anchors`). Together, at every answer position,

    v_generic = v_base(translated prompt) - alpha * ReLU(v_reinforced(prompt) - v_base)

and the likeliest token of ``v_generic`` is the generic label. (3) Fine-tune the model on its own
prompts with the generic labels, beside the retained records:

    loss = forget_weight * cross-entropy to the generic labels
           + retain_weight * NLL per token over D_r

Paper: Eldan and Russinovich, "Who's Harry Potter?", arXiv 2310.02238 (alpha 5). There a language
model writes the dictionary and no retained records are used (``retain_term`` none). Here the
dictionary comes from the calibration records, whose persons the model never saw, or from a JSON
file of terms in the job folder (``anchors``); without either, labels rest on step 1 alone. The
reinforced model is an adapter that is taken off again: no second model is held.

Limits: a relabelling. It changes what is said and not what is known: relearning and probing bring
the records back. Labels are the model's guesses about strangers, so it may assert untrue things.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from contract.canonical import read_json
from contract.catalog import Effect
from contract.record import FROZEN, Form, Record
from contract.result import ErrorCode, JobError
from unlearning import adapters
from unlearning.anchors import Dictionary, dictionary_of
from unlearning.data import Batches, Sample, chunks, collate, encode
from unlearning.engine import WHOLE, Phase, Piece, Schedule, fit
from unlearning.forgetting import ForgetSettings, gradient_method
from unlearning.losses.forward import answer_logits, answer_nll
from unlearning.losses.tokens import token_nll
from unlearning.objective import Answers, Objective, Texts, TokenObjective
from unlearning.selectors import Lora, Material, select
from unlearning.spec import Context

PHASE = "reinforcing"
LABELLING_BATCH = 16
UNTRANSLATED = "No calibration records and no dictionary were given: no term was made generic."


@dataclass(frozen=True, config=FROZEN)
class Settings(ForgetSettings):
    """Those of the phase and those of the labels.

    ``alpha`` is the paper's. ``reinforce_steps``, ``reinforce_rate`` and ``reinforce_rank`` train
    the reinforced model's adapter. ``anchors`` is a file of the job folder, ``{term: generic}``.
    """

    alpha: float = Field(default=5.0, ge=0)
    reinforce_steps: int = Field(default=50, ge=1)
    reinforce_rate: float = Field(default=1e-3, gt=0)
    reinforce_rank: int = Field(default=16, ge=1)
    anchors: str | None = None


class Generic(TokenObjective):
    """Cross-entropy to the generic labels, which are made before the phase begins."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._settings = settings
        self._labels: dict[str, Tensor] = {}

    def riders(self, texts: Texts) -> Mapping[str, Sequence[Sequence[Sample]]]:
        """Make the labels; no sample rides along."""
        dictionary = _dictionary(texts, self._settings)
        if not len(dictionary):
            self.notes = (UNTRANSLATED,)
        self._labels = generic_labels(texts, dictionary, self._settings)
        return {}

    def tokens(self, answers: Answers) -> Tensor:
        """Return the cross-entropy of each token to its label."""
        labels = torch.cat([self._labels[sample.digest] for sample in answers.samples])
        return answers.each(_to_label, labels.to(answers.states.device))


def _to_label(logits: Tensor, targets: Tensor, labels: Tensor) -> Tensor:
    del targets
    return token_nll(logits, labels)


@gradient_method(
    title="Who's Harry Potter",
    effect=Effect.WEIGHT_SUPPRESSION,
    summary="Relabels the records with what the model would guess of a stranger.",
    source="arXiv 2310.02238",
)
def whp(settings: Settings) -> Objective:
    """Return the objective."""
    return Generic(settings)


def generic(base: Tensor, reinforced: Tensor, alpha: float) -> Tensor:
    """Return ``base - alpha * ReLU(reinforced - base)``, logits [tokens, vocabulary]."""
    return base - alpha * (reinforced - base).clamp_min(0)


def generic_labels(texts: Texts, dictionary: Dictionary, settings: Settings) -> dict[str, Tensor]:
    """Return the generic label of every answer token, by sample; the model is left as it was."""
    context, model = texts.context, texts.model
    lora = Lora(rank=settings.reinforce_rank)
    material = Material(texts.forget, (), context.device, context.job.seed)
    selection = select(model, lora, material)
    _reinforce(context, selection.module, texts.forget, settings)
    labels: dict[str, Tensor] = {}
    for chunk in chunks(texts.forget, LABELLING_BATCH):
        batch = collate(chunk, context.device)
        translated = collate(
            [_translated(texts, item, dictionary) for item in chunk], batch.ids.device
        )
        with torch.no_grad():
            reinforced = answer_logits(adapters.inner(selection.module), batch).float()
            with selection.module.disable_adapter():
                base = answer_logits(adapters.inner(selection.module), translated).float()
        best = generic(base, reinforced, settings.alpha).argmax(-1).cpu()
        sizes = [sample.answer_length for sample in chunk]
        labels |= {item.digest: own for item, own in zip(chunk, best.split(sizes), strict=True)}
    selection.module.unload()
    model.requires_grad_(requires_grad=True)
    return labels


def _reinforce(context: Context, module: Any, forget: Sequence[Sample], settings: Settings) -> None:
    batches = Batches(forget, settings.forget_batch, context.job.seed + 5)
    scored = adapters.inner(module)

    def loss(step: int, piece: Piece = WHOLE) -> Tensor:
        samples = batches.at(step)
        total = sum(sample.answer_length for sample in samples)
        return answer_nll(scored, collate(piece.of(samples), context.device)).sum() / total

    schedule = Schedule(settings.reinforce_steps, settings.reinforce_rate)
    rows = min(len(batches.at(step)) for step in range(batches.per_epoch))
    fit(context, Phase(PHASE, module, schedule, loss, pieces=rows, engine=settings.engine))


def _translated(texts: Texts, sample: Sample, dictionary: Dictionary) -> Sample:
    """Return the sample with a generic prompt and the same answer, token for token."""
    form = texts.record_form(sample)
    prompt = Form(dictionary.translate(form.prompt), form.answer)
    record = Record(sample.record, (), {sample.form: prompt})
    (found,) = encode(texts.tokenizer, [record], [sample.form])
    return found


def _dictionary(texts: Texts, settings: Settings) -> Dictionary:
    context = texts.context
    if settings.anchors is not None:
        return _read(context, settings.anchors)
    if not context.has("calibration"):
        return Dictionary({})
    kept = context.records("retain") if context.has("retain") else ()
    strangers = context.records("calibration")
    return dictionary_of(texts.records.values(), strangers, kept, context.job.recipe.forms)


def _read(context: Context, name: str) -> Dictionary:
    path = (context.folder / name).resolve()
    message = f"the dictionary of anchored terms must be a JSON file {{term: generic}} named {name}"
    if not path.is_relative_to(context.folder.resolve()) or not path.is_file():
        raise JobError(ErrorCode.DATA_MISSING, message)
    try:
        terms = read_json(path)
    except ValueError as error:
        raise JobError(ErrorCode.BAD_JOB, message) from error
    if not isinstance(terms, dict) or not all(isinstance(item, str) for item in terms.values()):
        raise JobError(ErrorCode.BAD_JOB, message)
    return Dictionary(terms)
