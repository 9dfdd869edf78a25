"""The small trainer: records in, a causal language model with its own tokenizer out.

A *whole* model learns every record. A *sharded* model (``recipe.shards`` > 0) has a base that
learns the ``public`` records only, and one LoRA adapter per shard; a data subject's records
stay together in one shard, so that forgetting a person touches one adapter. With
``recipe.slices`` and ``recipe.permutations`` it touches less still (:mod:`unlearning.sharded`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, field
from typing import Any

from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import nn

from contract.job import Recipe
from contract.record import FROZEN, Record
from contract.result import ErrorCode, JobError
from unlearning import adapters, models
from unlearning.data import Batches, Sample, collate, encode_required
from unlearning.division import Division, assign, capacity, sliced, write_division
from unlearning.engine import Fit, Phase, Schedule, fit
from unlearning.lineage import learned_files, origin, write_lineage
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
    division = divide(recipe, records, settings.subject_level, asdict(settings.adapter))
    return train_sharded(context, records, division)


def train_whole(context: Context, records: Sequence[Record]) -> Outcome:
    """Train tokenizer and model on the records and save them as the job's output."""
    model, tokenizer, done = _from_scratch(context, records, "training")
    models.save(model, tokenizer, context.output)
    paths = learned_files(context.output)
    write_lineage(context.output, {path: origin(context.output, path, records) for path in paths})
    return Outcome("whole", {"steps": done.steps, "loss": done.loss})


def divide(
    recipe: Recipe, records: Sequence[Record], level: int, training: Mapping[str, float]
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
        layers = {**models.DEFAULT_ARCHITECTURE, **recipe.architecture}["num_hidden_layers"]
        layer_groups(int(layers), recipe.slices)
    return Division(shards, slices, orders, training=training)


def train_sharded(context: Context, records: Sequence[Record], division: Division) -> Outcome:
    """Train the base on the public records, then one adapter per shard."""
    public = context.records("public")
    model, tokenizer, done = _from_scratch(context, public, "training the base")
    base = context.output / adapters.BASE
    models.save(model, tokenizer, base)
    paths = [f"{adapters.BASE}/{path}" for path in learned_files(base)]
    ledger = Ledger({path: origin(context.output, path, public) for path in paths})
    ledger.add(done)
    known = {record.id: record for record in records}
    for name in division.shards:
        train_shard(context, division, shard_of(division, name, known), ledger)
    write_division(context.output, division)
    write_lineage(context.output, ledger.files)
    metrics = {"steps": ledger.steps, "loss": ledger.loss, "shards": len(division.shards)}
    return Outcome("sharded", {**metrics, **capacity(division)})


def recipe_steps(recipe: Recipe, samples: Sequence[Sample]) -> int:
    """Return how many steps the recipe trains on these samples."""
    return recipe.epochs * Batches(samples, recipe.batch, recipe.seed).per_epoch


def _from_scratch(
    context: Context, records: Sequence[Record], name: str
) -> tuple[nn.Module, Any, Fit]:
    recipe = context.job.recipe
    tokenizer = models.new_tokenizer(records, recipe.forms, recipe.vocabulary)
    samples = encode_required(tokenizer, records, recipe.forms)
    model = models.new_model(tokenizer, recipe.architecture, recipe.seed).to(context.device)
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
