"""Drop the shard's adapter and train nothing: exact in seconds, at the cost of the whole shard.

Idea: the records trained one adapter only. Without that adapter the base answers, and the base
never saw them. It is the fastest exact route there is: a deletion of files.

Limits: sharded models only. Everybody else in the shard is forgotten with them, until
``drop_shard`` trains the shard anew; the result says how many records that are. Exact for the
adapters: the base must never have seen the records.
"""

from __future__ import annotations

from dataclasses import replace

from pydantic.dataclasses import dataclass

from contract.catalog import Effect
from contract.record import FROZEN
from unlearning import adapters
from unlearning.deleting import finish, holding
from unlearning.division import read_division
from unlearning.registry import method
from unlearning.sharded import copy_kept
from unlearning.spec import Context, Outcome


@dataclass(frozen=True, config=FROZEN)
class Settings:
    """None."""


@method(
    title="Drop the shard's adapter",
    effect=Effect.EXACT,
    summary="Deletes the adapters that learned the records and trains nothing; their whole shard "
    "is forgotten until it is trained anew.",
    source="arXiv 1912.03817, arXiv 2406.16257",
    layouts=("sharded",),
    needs=("forget",),
)
def adapter_drop(context: Context, settings: Settings) -> Outcome:  # noqa: ARG001 - there are none
    """Delete the adapters of the affected shards and save the model."""
    division = read_division(context.model_path)
    hit = holding(context, division)
    gone = [record.id for record in context.records("forget")]
    off = {shard: tuple(range(len(division.parts(shard)))) for shard in hit}
    kept = replace(division.without(gone), off={**division.off, **off})
    dropped = tuple(
        f"{kind}/{shard}/" for kind in (adapters.ADAPTERS, adapters.SLICES) for shard in hit
    )
    ledger = copy_kept(context, lambda path: path.startswith(dropped))
    return finish(context, division, kept, ledger, hit)
