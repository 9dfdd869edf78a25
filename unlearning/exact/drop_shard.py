"""Drop the adapters that learned the records and train them again without.

Idea (SISA, Bourtoule et al., arXiv 1912.03817; for adapters, S3T, arXiv 2406.16257): each
data subject's records trained one adapter only. Those adapters are deleted and trained anew
from the untouched base on what remains of their shards; base and all other adapters stay
the same bytes.

Limits: sharded models only. Exact for the adapters: the base must never have seen the records,
which is why it is trained on public ones. A shard left without records has no adapter.
"""

from __future__ import annotations

from dataclasses import field

from pydantic.dataclasses import dataclass

from contract.catalog import Effect
from contract.record import FROZEN
from contract.result import ErrorCode, JobError
from unlearning import adapters
from unlearning.registry import method
from unlearning.spec import Context, Outcome
from unlearning.train import AdapterSettings, train_adapter


@dataclass(frozen=True, config=FROZEN)
class Settings:
    """How an adapter is trained."""

    adapter: AdapterSettings = field(default_factory=AdapterSettings)


@method(
    title="Drop and retrain the shard's adapter",
    effect=Effect.EXACT,
    summary="Deletes the adapters that learned the records, trains them anew without; the rest "
    "stays the same bytes.",
    source="arXiv 1912.03817, arXiv 2406.16257",
    layouts=("sharded",),
)
def drop_shard(context: Context, settings: Settings) -> Outcome:
    """Retrain the affected shards without the records and save the model."""
    forgotten = {record.id for record in context.records("forget")}
    shards = adapters.read_shards(context.model_path)
    dropped = adapters.affected(shards, forgotten)
    if not forgotten <= {item for shard in dropped for item in shards[shard]}:
        message = "some records of the scope are in no shard of this model; check its lineage"
        raise JobError(ErrorCode.BAD_JOB, message)
    kept = adapters.without(shards, forgotten)
    adapters.copy_except(context.model_path, context.output, dropped)
    available = {record.id: record for record in context.records("retain")}
    steps, loss = 0, 0.0
    for shard in dropped:
        missing = [item for item in kept[shard] if item not in available]
        if missing:
            message = f"{len(missing)} retained records of {shard} are not in the job's data"
            raise JobError(ErrorCode.DATA_MISSING, message)
        if kept[shard]:
            own = [available[item] for item in kept[shard]]
            done = train_adapter(context, own, shard, settings.adapter)
            steps, loss = steps + done.steps, max(loss, done.loss)
    adapters.write_shards(context.output, kept)
    metrics = {"steps": steps, "loss": loss, "shards": len(shards), "retrained": len(dropped)}
    return Outcome("sharded", metrics)
