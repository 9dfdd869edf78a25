"""The small trainer: records in, a causal language model with its own tokenizer out.

A *whole* model learns every record. A *sharded* model (``recipe.shards`` > 0) has a base that
learns the ``public`` records only, or is the recipe's, and one LoRA adapter per shard; a data
subject's records stay together in one shard, so that forgetting a person touches one adapter. With
``recipe.slices`` and ``recipe.permutations`` it touches less still (:mod:`unlearning.sharded`).
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, field
from pathlib import Path
from typing import Any

from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import nn
from transformers import AutoConfig

from contract.job import Recipe
from contract.manifest import folder_digest
from contract.record import FROZEN, Record
from contract.result import ErrorCode, JobError
from unlearning import adapters, models
from unlearning.data import Batches, Sample, collate, encode_required
from unlearning.division import Division, assign, capacity, sliced, write_division
from unlearning.engine import Fit, Phase, Schedule, fit
from unlearning.lineage import base_origins, learned_files, origin, write_lineage
from unlearning.losses import answer_nll, nll
from unlearning.sharded import AdapterSettings, Ledger, shard_of, train_shard
from unlearning.slicing import cyclic_orders, layer_groups
from unlearning.spec import Context, Outcome

NAME = "train"


@dataclass(frozen=True, config=FROZEN)
class Settings:
    """Settings of training; everything about the model itself is in the recipe.

    ``subject_level`` is the depth (0-based) of a data subject in a record's path.
    """

    subject_level: int = Field(default=0, ge=0)
    adapter: AdapterSettings = field(default_factory=AdapterSettings)


def train(context: Context, settings: Settings) -> Outcome:
    """Train the model of the job's recipe on its ``retain`` records."""
    recipe = context.job.recipe
    records = context.records("retain")
    if recipe.shards == 0:
        return train_whole(context, records)
    level, training = settings.subject_level, asdict(settings.adapter)
    division = divide(recipe, records, level, layers_of(context), training)
    return train_sharded(context, records, division)


def train_whole(context: Context, records: Sequence[Record]) -> Outcome:
    """Train tokenizer and model on the records and save them as the job's output.

    A recipe with a base keeps the base's tokenizer and trains on from its weights.
    """
    base = base_of(context)
    before = base_origins(base, adapters.BASE).values() if base else ()
    inherited = {item for origin_of in before for item in origin_of.records}
    model, tokenizer, done = _trained(context, records, "training", base)
    models.save(model, tokenizer, context.output)
    paths = learned_files(context.output)
    files = {path: origin(context.output, path, records, (), inherited) for path in paths}
    write_lineage(context.output, files)
    return Outcome("whole", {"steps": done.steps, "loss": done.loss})


def divide(
    recipe: Recipe,
    records: Sequence[Record],
    level: int,
    layers: int,
    training: Mapping[str, float],
) -> Division:
    """Return which records train which shard and slice; raises ``BAD_JOB`` for what cannot be."""
    shards = assign(records, recipe.shards, level, recipe.seed)
    if recipe.slices == 1:
        if recipe.permutations:
            message = "permutations are orders of slices: the recipe needs more than one slice"
            raise JobError(ErrorCode.BAD_JOB, message)
        return Division(shards, training=training)
    slices = sliced(shards, records, recipe.slices, level, recipe.seed)
    orders = cyclic_orders(recipe.slices, recipe.permutations)
    if orders:
        layer_groups(layers, recipe.slices)
    return Division(shards, slices, orders, training=training)


def base_of(context: Context) -> Path | None:
    """Return the folder of the recipe's base; raises when it is not there or has changed."""
    ref = context.job.recipe.base
    if ref is None:
        return None
    folder = context.folder / ref.path
    try:
        digest = folder_digest(folder)
    except FileNotFoundError as error:
        message = "the folder of the recipe's base is missing or empty; restore it"
        raise JobError(ErrorCode.MODEL_MISSING, message) from error
    if digest != ref.digest:
        message = "the files of the recipe's base are not those that were registered"
        raise JobError(ErrorCode.MODEL_CHANGED, message)
    return folder


def layers_of(context: Context) -> int:
    """Return how many blocks the recipe's model has."""
    base = base_of(context)
    if base is not None:
        return int(AutoConfig.from_pretrained(base, local_files_only=True).num_hidden_layers)
    architecture = {**models.DEFAULT_ARCHITECTURE, **context.job.recipe.architecture}
    return int(architecture["num_hidden_layers"])


def train_sharded(context: Context, records: Sequence[Record], division: Division) -> Outcome:
    """Put the recipe's base there, or train one on the public records; then an adapter a shard."""
    ledger = _with_base(context)
    known = {record.id: record for record in records}
    for name in division.shards:
        train_shard(context, division, shard_of(division, name, known), ledger)
    write_division(context.output, division)
    write_lineage(context.output, ledger.files)
    metrics = {"steps": ledger.steps, "loss": ledger.loss, "shards": len(division.shards)}
    return Outcome("sharded", {**metrics, **capacity(division)})


def _with_base(context: Context) -> Ledger:
    target, given = context.output / adapters.BASE, base_of(context)
    if given is not None:
        shutil.copytree(given, target)
        return Ledger(base_origins(given, adapters.BASE))
    public = context.records("public")
    model, tokenizer, done = _trained(context, public, "training the base", None)
    models.save(model, tokenizer, target)
    paths = [f"{adapters.BASE}/{path}" for path in learned_files(target)]
    ledger = Ledger({path: origin(context.output, path, public) for path in paths})
    ledger.add(done)
    return ledger


def recipe_steps(recipe: Recipe, samples: Sequence[Sample]) -> int:
    """Return how many steps the recipe trains on these samples."""
    return recipe.epochs * Batches(samples, recipe.batch, recipe.seed).per_epoch


def _trained(
    context: Context, records: Sequence[Record], name: str, base: Path | None
) -> tuple[nn.Module, Any, Fit]:
    recipe = context.job.recipe
    if base is not None:
        tokenizer = models.load_tokenizer(base)
        model = models.load_model(base, context.device)
    else:
        tokenizer = models.new_tokenizer(records, recipe.forms, recipe.vocabulary)
        model = models.new_model(tokenizer, recipe.architecture, recipe.seed).to(context.device)
    samples = encode_required(tokenizer, records, recipe.forms)
    batches = Batches(samples, recipe.batch, recipe.seed)
    schedule = Schedule(
        recipe.epochs * batches.per_epoch, recipe.learning_rate, recipe.warmup, recipe.weight_decay
    )
    done = fit(context, _phase(context, name, model, batches, schedule))
    return model, tokenizer, done


def _phase(
    context: Context, name: str, model: nn.Module, batches: Batches, schedule: Schedule
) -> Phase:
    def loss(step: int) -> Any:
        batch = collate(batches.at(step), context.device)
        return nll(answer_nll(model, batch), batch.lengths, reduction="mean")

    return Phase(name, model, schedule, loss)
