"""GUARD: detect the prompt, fetch the stored answer, and keep the search away from it.

Idea: a detector on the model's own states of the prompt tells whether it asks for a forget record:
max over tokens of w * h_t + b, at a middle layer. If so, the nearest stored records say which
answer must not come, and the search over next tokens is restricted: completing that answer is
forbidden, words like its own cost score (:mod:`unlearning.guards.detection`,
:mod:`unlearning.guards.restriction`). No weight changes.

Paper: Deng et al., "GUARD: Generation-time LLM Unlearning via Adaptive Restriction and Detection",
arXiv 2505.13312. Different here: the highest token decides, not one pooled state, so that a name
deep in a long prompt or within another template is found; the model's own states retrieve, so
there is no second encoder; and keyed digests of runs of words stand for a trie of plain tokens.

Limits: this is containment. The guard **keeps data of the forgotten persons for as long as it
serves**: keyed digests of their answers (whoever holds the folder can test guesses), mean states
of the prompts, a detector that tells the person's name from others, and, with ``semantic``, mean
embeddings of the answers, from which words can be guessed. A prompt the detector does not know is
answered as ever, and so is the answer in other words. Taking the guard off brings all of it back.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from safetensors.torch import save_file
from torch import Tensor

from contract.canonical import write_json
from contract.catalog import Effect
from contract.containment import ngram_digests, ngrams, words
from contract.guard import GuardManifest, write_guard
from contract.record import FROZEN, Form, Record
from contract.result import ErrorCode, JobError
from unlearning import models
from unlearning.guards.detection import States, crossed, states, threshold_for, trained
from unlearning.guards.restriction import answer_vector, folder_of
from unlearning.guards.shell import first_layers, fits, layers_of
from unlearning.guards.wordings import as_served
from unlearning.registry import method
from unlearning.spec import Context, Outcome
from verification.families.causal_lm import encode_form

LONGEST = 6
KEEPS = (
    "Keyed digests of runs of words of the forgotten answers, and the key: guesses can be tested.",
    "Mean inner states of the forgotten prompts, and a detector that knows the persons by them.",
)
KEEPS_VECTORS = "The mean embedding of each forgotten answer, from which words can be guessed."


@dataclass(frozen=True, config=FROZEN)
class Settings:
    """How prompts are detected and answers kept away from.

    ``depth``: the share of the layers that the detector reads through. ``hidden``: units of the
    detector's hidden layer (0: logistic regression). ``false_alarms``: share of other prompts that
    may set it off; ``others``: how many of those it learns from. ``retrieve``: how many stored
    answers are held against a prompt. ``rare``: also forbid single words that stand in forgotten
    answers only. ``semantic``: keep mean embeddings for the soft penalty of ``soft`` nats beyond
    the cosine ``turn``. ``beams``: how wide to search.
    """

    depth: float = Field(default=0.5, gt=0, le=1)
    hidden: int = Field(default=0, ge=0)
    false_alarms: float = Field(default=0.01, ge=0, lt=1)
    others: int = Field(default=1000, ge=2)
    retrieve: int = Field(default=16, ge=1)
    rare: bool = True
    semantic: bool = True
    soft: float = Field(default=4.0, ge=0)
    turn: float = Field(default=0.5, ge=0, lt=1)
    beams: int = Field(default=4, ge=1)
    candidates: int = Field(default=16, ge=1)


@method(
    title="Detected and restricted generation (GUARD)",
    effect=Effect.SERVE_SUPPRESSION,
    summary="Containment at serving: a detector knows prompts about the records and the search is "
    "kept off their answers; it keeps digests of those answers while it serves.",
    source="arXiv 2505.13312",
    needs=("forget", "retain"),
)
def guard(context: Context, settings: Settings) -> Outcome:
    """Build the guard's folder."""
    tokenizer = models.load_tokenizer(context.model_path)
    model = models.load_model(context.model_path, context.device)
    layers = max(1, round(settings.depth * layers_of(model)))
    shell = first_layers(model, layers)
    forget, others = _prompts(context, tokenizer)
    order = torch.randperm(len(others), generator=torch.Generator().manual_seed(context.job.seed))
    others = [others[place] for place in order[: settings.others].tolist()]
    context.events.emit("guarding", "reading the inner states of the prompts")
    features, wanted, groups = _features(shell, tokenizer, forget, others)
    hidden, seed = settings.hidden, context.job.seed
    odds = crossed(features, wanted, groups, hidden, seed)
    detector = trained(features, wanted, hidden, seed)
    detector.threshold.fill_(threshold_for(odds, wanted, settings.false_alarms))
    entries = detector.standard(features.mean()[wanted]).detach()
    store, tensors = folder_of(context.output)
    saved = {**detector.state_dict(), "entries": entries.contiguous()}
    if settings.semantic:
        saved["vectors"] = _vectors(model, tokenizer, [form for _, form in forget])
    save_file(saved, str(tensors))
    write_json(store, _digests(context, [form for _, form in forget], rare=settings.rare))
    write_guard(context.output, _manifest(context, model, settings, layers))
    fired = odds >= detector.threshold
    metrics = {
        "detected_share": float(fired[wanted].float().mean()),
        "false_alarm_share": float(fired[~wanted].float().mean()),
    }
    return Outcome("guard", metrics, ("This is containment: the weights are unchanged.",))


def _manifest(context: Context, model: Any, settings: Settings, layers: int) -> GuardManifest:
    kept = ("hidden", "retrieve", "soft", "turn", "beams", "candidates")
    return GuardManifest(
        kind="guard",
        model_digest=context.model.digest,
        keeps=(*KEEPS, KEEPS_VECTORS) if settings.semantic else KEEPS,
        settings={"layers": layers, **{name: getattr(settings, name) for name in kept}},
        fits=fits(model),
    )


def _prompts(
    context: Context, tokenizer: Any
) -> tuple[list[tuple[Record, Form]], list[tuple[Record, Form]]]:
    """Return every form of the forget records, and of everybody else's."""
    others = list(context.records("retain"))
    if context.has("calibration"):
        others.extend(context.records("calibration"))
    forget, rest = (
        [
            (record, form)
            for record in as_served(tokenizer, records)
            for form in record.forms.values()
        ]
        for records in (context.records("forget"), others)
    )
    if not forget or not rest:
        message = "a detector needs prompts of the forget records and of others"
        raise JobError(ErrorCode.DATA_MISSING, message)
    return forget, rest


def _features(
    shell: Any,
    tokenizer: Any,
    forget: Sequence[tuple[Record, Form]],
    others: Sequence[tuple[Record, Form]],
) -> tuple[States, Tensor, Tensor]:
    """Return states, labels, and groups: a record's forms share a group.

    A single forget record cannot be held out, so then each form is a group of its own.
    """
    asked = [*forget, *others]
    rows = []
    for _, form in asked:
        ids, start = encode_form(tokenizer, form, end=False)
        rows.append(ids[:start])
    wanted = torch.tensor([True] * len(forget) + [False] * len(others))
    numbers = {key: number for number, key in enumerate(dict.fromkeys(r.id for r, _ in asked))}
    groups = torch.tensor([numbers[record.id] for record, _ in asked])
    if len({record.id for record, _ in forget}) == 1:
        groups = torch.arange(len(asked))
    return states(shell, rows), wanted, groups


def _vectors(model: Any, tokenizer: Any, forms: Sequence[Form]) -> Tensor:
    table = model.get_input_embeddings().weight.detach()
    rows = []
    for form in forms:
        ids, start = encode_form(tokenizer, form, end=False)
        rows.append(answer_vector(table, ids[start:]))
    return torch.stack(rows)


def _digests(context: Context, forms: Sequence[Form], *, rare: bool) -> dict[str, Any]:
    """Return each answer's runs as digests under a fresh key; equal prompts share no key."""
    common = {
        word
        for record in context.records("retain")
        for form in record.forms.values()
        for word in (*words(form.answer), *words(form.prompt))
    }
    key = secrets.token_bytes(32)
    grams = [_runs(words(form.answer), common if rare else None) for form in forms]
    lengths = sorted({len(gram) for of in grams for gram in of})
    answers = [list(ngram_digests(key, of)) for of in grams]
    return {"key": key.hex(), "lengths": lengths, "answers": answers}


def _runs(said: Sequence[str], common: set[str] | None) -> list[tuple[str, ...]]:
    """Return the whole answer or its runs of six words, and its rare words one by one."""
    runs = [tuple(said)] if len(said) <= LONGEST else list(ngrams(said, LONGEST))
    if common is not None:
        runs.extend((word,) for word in said if word not in common)
    return [run for run in runs if run]
