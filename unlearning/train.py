"""The small trainer: records in, a causal language model with its own tokenizer out.

A *whole* model learns every record. A *sharded* model (``recipe.shards`` > 0) has a base that
learns the ``public`` records only, and one LoRA adapter per shard; a data subject's records
stay together in one shard, so that forgetting a person touches one adapter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import Any

from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import nn

from contract.job import Recipe
from contract.record import FROZEN, Record
from unlearning import adapters, models
from unlearning.data import Batches, Sample, collate, encode_required
from unlearning.loop import Fit, Phase, Schedule, fit
from unlearning.losses import answer_nll, nll
from unlearning.spec import Context, Outcome

NAME = "train"


@dataclass(frozen=True, config=FROZEN)
class AdapterSettings:
    """How the adapter of a shard is trained."""

    epochs: int = Field(default=15, ge=1)
    learning_rate: float = Field(default=5e-3, gt=0)
    batch: int = Field(default=16, ge=1)
    warmup: int = Field(default=15, ge=0)


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
    shards = adapters.assign(records, recipe.shards, settings.subject_level, recipe.seed)
    return train_sharded(context, records, shards, settings.adapter)


def train_whole(context: Context, records: Sequence[Record]) -> Outcome:
    """Train tokenizer and model on the records and save them as the job's output."""
    model, tokenizer, done = _from_scratch(context, records, "training")
    models.save(model, tokenizer, context.output)
    return Outcome("whole", {"steps": done.steps, "loss": done.loss})


def train_sharded(
    context: Context,
    records: Sequence[Record],
    shards: adapters.Shards,
    settings: AdapterSettings,
) -> Outcome:
    """Train the base on the public records, then one adapter per shard."""
    model, tokenizer, done = _from_scratch(context, context.records("public"), "training the base")
    models.save(model, tokenizer, context.output / adapters.BASE)
    steps, loss = done.steps, 0.0
    for shard, members in shards.items():
        wanted = set(members)
        own = [record for record in records if record.id in wanted]
        if own:
            adapter = train_adapter(context, own, shard, settings)
            steps, loss = steps + adapter.steps, max(loss, adapter.loss)
    adapters.write_shards(context.output, shards)
    return Outcome("sharded", {"steps": steps, "loss": loss, "shards": len(shards)})


def train_adapter(
    context: Context, records: Sequence[Record], shard: str, settings: AdapterSettings
) -> Fit:
    """Train one shard's adapter on the base in the job's output folder and save it there."""
    recipe = context.job.recipe
    base = context.output / adapters.BASE
    tokenizer = models.load_tokenizer(base)
    model = adapters.attach(models.load_model(base, context.device), recipe.rank, recipe.seed)
    samples = encode_required(tokenizer, records, recipe.forms)
    batches = Batches(samples, settings.batch, recipe.seed)
    schedule = Schedule(
        settings.epochs * batches.per_epoch, settings.learning_rate, settings.warmup
    )
    done = fit(context, _phase(context, f"training {shard}", model, batches, schedule))
    adapters.save_adapter(model, context.output, shard)
    return done


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
    scored = adapters.inner(model)

    def loss(step: int) -> Any:
        batch = collate(batches.at(step), context.device)
        return nll(answer_nll(scored, batch), batch.lengths, reduction="mean")

    return Phase(name, model, schedule, loss)
