"""Full retrain from the recipe, without the records: the gold reference, and the last rung.

The tokenizer is trained again too: a vocabulary learned from a person's texts is a trace of
them. The forget records are never looked at beyond their ids. A sharded model gets a new base
(from the public records) and new adapters over the same division into shards.

Limits: costs what training cost; needs every retained record and the recipe.
"""

from __future__ import annotations

from dataclasses import asdict, replace

from pydantic.dataclasses import dataclass

from contract.catalog import Effect
from contract.record import FROZEN
from unlearning.division import read_division
from unlearning.registry import method
from unlearning.sharded import AdapterSettings
from unlearning.spec import Context, Outcome
from unlearning.train import train_sharded, train_whole


@dataclass(frozen=True, config=FROZEN)
class Settings:
    """How adapters are trained, where there are any; left out, as they were trained before."""

    adapter: AdapterSettings | None = None


@method(
    title="Retrain from the recipe",
    effect=Effect.EXACT,
    summary="Trains tokenizer and model anew on everything but the records; the gold reference.",
    source="by definition; see arXiv 1912.03817 on exact unlearning",
    layouts=("whole", "sharded"),
    needs=("forget", "retain"),
    draws_anew=True,
)
def retrain(context: Context, settings: Settings) -> Outcome:
    """Train anew on the retained records and save the model."""
    records = context.records("retain")
    if context.model.layout == "whole":
        return train_whole(context, records)
    before = read_division(context.model_path)
    division = replace(before.without([record.id for record in context.records("forget")]), off={})
    if settings.adapter is not None or not division.training:
        division = replace(division, training=asdict(settings.adapter or AdapterSettings()))
    return train_sharded(context, records, division)
