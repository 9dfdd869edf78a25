"""Drop the adapters that learned the records and train them again without.

Idea (SISA, Bourtoule et al., arXiv 1912.03817; for adapters, S3T, arXiv 2406.16257): each
data subject's records trained one adapter only. Those adapters are deleted and trained anew
from the untouched base on what remains of their shards; base and all other adapters stay
the same bytes. Shards that an earlier request switched off are trained again too.

Limits: sharded models only. Exact for the adapters: the base must never have seen the records,
which is why it is trained on public ones. A shard left without records has no adapter. Costs what
training the shard cost; with checkpoints ``sisa`` costs less.
"""

from __future__ import annotations

from pydantic.dataclasses import dataclass

from contract.catalog import Effect
from contract.record import FROZEN
from unlearning.deleting import retrain_shards
from unlearning.registry import method
from unlearning.sharded import AdapterSettings
from unlearning.spec import Context, Outcome


@dataclass(frozen=True, config=FROZEN)
class Settings:
    """How an adapter is trained; left out, as it was trained before."""

    adapter: AdapterSettings | None = None


@method(
    title="Drop and retrain the shard's adapter",
    effect=Effect.EXACT,
    summary="Deletes the adapters that learned the records, trains them anew without; the rest "
    "stays the same bytes.",
    source="arXiv 1912.03817, arXiv 2406.16257",
    layouts=("sharded",),
    draws_anew=True,
)
def drop_shard(context: Context, settings: Settings) -> Outcome:
    """Retrain the affected shards without the records and save the model."""
    return retrain_shards(context, settings.adapter, from_checkpoints=False)
