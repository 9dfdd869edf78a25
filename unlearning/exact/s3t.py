"""S3T: switch off the groups of layers that learned the records, without any training.

Idea (Chowdhury et al., "Towards Scalable Exact Machine Unlearning Using Parameter-Efficient
Fine-Tuning", arXiv 2406.16257): with each slice of a shard a group of adapter layers of its own was
trained, with the first slice the topmost group, each on top of the groups before it. No group knows
a slice that comes after its own. So when a record of slice i is deleted, the group of slice i and
those after it are removed, and what is left was never trained on the record. Every shard has
several such stacks, each with another order of the slices; the one that still knows the most is
served.

Ours is that a group also rehearses the slices before its own: it goes with them anyway, and on
facts about persons a group trained on its slice alone, as in the paper, writes over what earlier
slices taught.

With m shards, L slices and B orders a model bears m L H(m B) random deletions on average before
no adapter is left (H is the harmonic number); the result says how many are left.

Limits: models that were trained with permutations. Exact for the adapters: the base must never
have seen the records. The other records of the slice, and of slices that stand on it, are lost
with it until ``drop_shard`` trains the shard anew; training takes B times as long as without. The
orders are cyclic, which is best when all slices are as likely to be asked for; the paper's choice
by known likelihoods is not made here.
"""

from __future__ import annotations

from dataclasses import replace

from pydantic.dataclasses import dataclass

from contract.catalog import Effect
from contract.record import FROZEN
from contract.result import ErrorCode, JobError
from unlearning import adapters
from unlearning.deleting import finish, holding
from unlearning.division import read_division
from unlearning.registry import method
from unlearning.sharded import copy_kept, switch_off
from unlearning.spec import Context, Outcome


@dataclass(frozen=True, config=FROZEN)
class Settings:
    """None: what is switched off follows from the division."""


@method(
    title="Switch off the layers that learned the records (S3T)",
    effect=Effect.EXACT,
    summary="Removes the groups of adapter layers that were trained on the records or on top of "
    "them, in seconds; the rest stays the same bytes.",
    source="arXiv 2406.16257",
    layouts=("sharded",),
    needs=("forget", "slices"),
)
def s3t(context: Context, settings: Settings) -> Outcome:  # noqa: ARG001 - there are none
    """Remove the affected groups and save the model."""
    division = read_division(context.model_path)
    if not division.orders:
        message = (
            "this model was trained without groups of layers for its slices; use sisa, "
            "drop_shard or adapter_drop, or train with slices > 1 and permutations > 0"
        )
        raise JobError(ErrorCode.NOT_SUPPORTED, message)
    hit = holding(context, division)
    off = {
        shard: tuple(sorted({*division.off.get(shard, ()), *numbers}))
        for shard, numbers in hit.items()
    }
    gone = [record.id for record in context.records("forget")]
    kept = replace(division.without(gone), off={**division.off, **off})
    served = tuple(f"{adapters.ADAPTERS}/{shard}/" for shard in hit)
    ledger = copy_kept(context, lambda path: path.startswith(served))
    switch_off(context, kept, hit, ledger)
    return finish(context, division, kept, ledger, hit)
