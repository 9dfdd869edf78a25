"""Set the smallest weights of every layer to zero.

Unlearning often hides behind many small changes: a thin patch over what is still there. Setting
the weights of least magnitude to zero removes such a patch before it removes what carries the
knowledge (Che et al., arXiv 2502.05209, use pruning as one of six tampering attacks; magnitude
pruning: Han et al., arXiv 1506.02626). It fools nobody who only asks the model as it is.

Each linear weight loses its own smallest share, so that no layer is emptied for being small in
scale. No data is used. Embeddings, norms and the output head stay.

Limits: a model pruned too far knows nothing any more, and then nothing is shown; the retained
records under the same attack (``utility``) say whether that is so.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from pydantic.dataclasses import dataclass
from torch import Tensor

from contract.record import FROZEN
from contract.result import ErrorCode, JobError
from verification.attacks.quantise import linear_weights
from verification.families.causal_lm import CausalLM
from verification.registry import attack
from verification.spec import Context, Tampered


@dataclass(frozen=True, config=FROZEN)
class Settings:
    """``shares`` of every linear weight's entries that are set to zero."""

    shares: tuple[float, ...] = (0.2, 0.4)


@attack(
    title="Setting the smallest weights to zero",
    source="Che et al. 2025 (arXiv 2502.05209); Han et al. 2015 (arXiv 1506.02626)",
)
def prune(context: Context, settings: Settings) -> Iterator[Tampered]:
    """Yield the candidate pruned to every share."""
    for share in settings.shares:
        label = f"prune-{share:.0%}".removesuffix("%")
        if context.wants(label):
            yield Tampered(label, pruned(context.candidate, share))


def pruned(model: CausalLM, share: float) -> CausalLM:
    """Return a copy whose linear weights lost the ``share`` of entries of least magnitude.

    Raises :class:`contract.result.JobError` for a model without weights that can be pruned.
    """
    copy = model.copied(f"{model.key}+prune-{share}")
    found = False
    with torch.no_grad():
        for _, weight in linear_weights(copy.model):
            found = True
            weight[smallest(weight, share)] = 0.0
    if not found:
        message = "the weights of a quantised model cannot be pruned; verify it in full precision"
        raise JobError(ErrorCode.NOT_SUPPORTED, message)
    return copy


def smallest(weight: Tensor, share: float) -> Tensor:
    """Return a mask of the ``share`` of entries of least magnitude (rounded down), ties in order.

    Exactly that many are marked, however many entries are equal.
    """
    count = int(share * weight.numel())
    mask = torch.zeros(weight.numel(), dtype=torch.bool, device=weight.device)
    if count:
        mask[weight.abs().flatten().argsort(stable=True)[:count]] = True
    return mask.view(weight.shape)
