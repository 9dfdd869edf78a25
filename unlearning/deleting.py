"""Taking records out of a sharded model: which shards and slices are hit, and what is written.

What every exact route shares. The model's files are copied byte by byte, all but those that have
seen the records; nothing is changed in place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace

from contract.result import ErrorCode, JobError
from unlearning.adapters import ADAPTERS, SLICES
from unlearning.division import Division, capacity, read_division, write_division
from unlearning.lineage import write_lineage
from unlearning.sharded import (
    AdapterSettings,
    Ledger,
    copy_kept,
    shard_of,
    train_shard,
)
from unlearning.spec import Context, Outcome

Hit = Mapping[str, tuple[int, ...]]
"""The numbers of the slices that hold a forgotten record, by shard."""


def holding(context: Context, division: Division) -> dict[str, tuple[int, ...]]:
    """Return what the forget records hit; raises ``BAD_JOB`` when a record is in no shard."""
    gone = {record.id for record in context.records("forget")}
    if not gone <= {item for members in division.shards.values() for item in members}:
        message = "some records of the scope are in no shard of this model; check its lineage"
        raise JobError(ErrorCode.BAD_JOB, message)
    return division.holding(gone)


def retrain_shards(
    context: Context, settings: AdapterSettings | None, *, from_checkpoints: bool
) -> Outcome:
    """Train the shards that are hit without the records, and those that are off; save the model.

    With ``from_checkpoints`` training goes on from the last checkpoint before the slice that is
    hit first; otherwise it begins at the base.
    """
    division = read_division(context.model_path)
    hit = holding(context, division)
    first = {
        shard: min((*hit.get(shard, ()), *division.off.get(shard, ()))) if from_checkpoints else 0
        for shard in sorted({*hit, *division.off})
    }
    kept = division.without([record.id for record in context.records("forget")])
    kept = replace(kept, off={}, training=_training(kept, settings))
    available = {record.id: record for record in context.records("retain")}
    shards = [shard_of(kept, name, available) for name in first]
    ledger = copy_kept(context, lambda path: _stale(path, first))
    for shard in shards:
        train_shard(context, kept, shard, ledger, first=first[shard.name])
    return finish(context, division, kept, ledger, first)


def _training(division: Division, settings: AdapterSettings | None) -> Mapping[str, float]:
    """Return how to train: as asked, else as recorded, else by default."""
    if settings is not None:
        return asdict(settings)
    return division.training or asdict(AdapterSettings())


def _stale(path: str, first: Mapping[str, int]) -> bool:
    """Say whether a file was trained on a slice from the shard's first affected one on."""
    kind, _, rest = path.partition("/")
    shard, _, name = rest.partition("/")
    if shard not in first or kind not in {ADAPTERS, SLICES}:
        return False
    if kind == ADAPTERS or first[shard] == 0:
        return True
    number = name.partition(".")[0]
    return number.isdigit() and int(number) >= first[shard]


def finish(
    context: Context, before: Division, after: Division, ledger: Ledger, hit: Mapping[str, object]
) -> Outcome:
    """Write division and lineage and return the outcome, with what is lost to others."""
    write_division(context.output, after)
    write_lineage(context.output, ledger.files)
    counted = capacity(after)
    lost = counted["records"] - counted["records_served"]
    metrics = {
        "steps": ledger.steps,
        "loss": ledger.loss,
        "shards": len(before.shards),
        "retrained" if ledger.steps else "switched_off": len(hit),
        **counted,
    }
    sentence = (
        f"{lost:.0f} records of others are not served until their shards are trained anew "
        "(method drop_shard)"
    )
    return Outcome("sharded", metrics, (sentence,) if lost else ())
