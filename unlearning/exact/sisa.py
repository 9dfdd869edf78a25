"""SISA: go back to the checkpoint before the records and train on without them.

Idea (Bourtoule et al., arXiv 1912.03817): a shard learns its slices one after the other and keeps
a checkpoint after each. Whatever was learned before the slice that holds a record cannot know it.
That checkpoint is taken up again and trained on with the slices that follow, less the record.

    stage r trains on slices 1..r for 2 E / (R + 1) epochs, from the checkpoint of stage r - 1;
    deleting from slice r costs the stages r..R

With the manifest of the division (``shards.json``) and the lineage of every checkpoint
(``lineage.json``) the result is the same, byte for byte, as training without the record.

Limits: models that were trained with slices. Exact for the adapters: the base must never have
seen the records. Checkpoints take the room of one adapter each. A deletion from the first slice
costs as much as training the shard.
"""

from __future__ import annotations

from pydantic.dataclasses import dataclass

from contract.catalog import Effect
from contract.record import FROZEN
from contract.result import ErrorCode, JobError
from unlearning.deleting import retrain_shards
from unlearning.division import read_division
from unlearning.registry import method
from unlearning.spec import Context, Outcome


@dataclass(frozen=True, config=FROZEN)
class Settings:
    """None: slices are trained as they were trained before."""


@method(
    title="Roll back to the slice before the records (SISA)",
    effect=Effect.EXACT,
    summary="Takes up the shard's checkpoint from before the records and trains on without them; "
    "the rest stays the same bytes.",
    source="arXiv 1912.03817",
    layouts=("sharded",),
    needs=("forget", "retain", "slices"),
)
def sisa(context: Context, settings: Settings) -> Outcome:  # noqa: ARG001 - there are none
    """Train the affected shards on from their checkpoints and save the model."""
    division = read_division(context.model_path)
    if not division.slices or division.orders:
        message = (
            "this model was trained without checkpoints between slices; use drop_shard, or train "
            "with slices > 1 and permutations = 0"
        )
        raise JobError(ErrorCode.NOT_SUPPORTED, message)
    return retrain_shards(context, None, from_checkpoints=True)
