"""UNDIAL: distil the model into itself with the true tokens' logits lowered.

    loss = mean over answer tokens of D_f of CE(softmax(logits before - beta * onehot(true)), p)

The target stands still, so the loss cannot run away. Paper: Dong et al., "UNDIAL: Self-Distillation
with Adjusted Logits for Robust Unlearning", arXiv 2402.10052 (beta 10, learning rate 1e-4, LoRA of
rank 8; ``select`` takes such an adapter). The model before is a cache of its ``top`` likeliest
tokens per answer position, the true one among them; all others are one bucket. A public port
averages over prompt and padding too, and lowers a wrong token at ignored positions; here only
answer tokens exist.

Limits: what the true token loses goes to its runners-up, which tells where it was; tuned runs are
either shallow or cost utility. The effect class is the weaker of the two that it could claim.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from contract.catalog import Effect
from contract.record import FROZEN
from unlearning.forgetting import gradient_method
from unlearning.losses.tokens import lowered_distillation
from unlearning.objective import FORGET, Answers, Objective, RetainTerm, TokenObjective
from unlearning.reference import Need, Top
from unlearning.weighting import TokenSettings, weigher


@dataclass(frozen=True, config=FROZEN)
class Settings(TokenSettings):
    """``beta``: by how much the logits of the true tokens are lowered."""

    beta: float = Field(default=10.0, gt=0)
    retain_term: RetainTerm = "none"


class SelfDistillation(TokenObjective):
    """The UNDIAL loss of tokens."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(weigher(settings.weight))
        self._beta, self._top = settings.beta, Top(settings.top)

    def needs(self, group: str) -> Sequence[Need]:
        """Return the likeliest tokens of the forget answers."""
        return (self._top,) if group == FORGET else ()

    def tokens(self, answers: Answers) -> Tensor:
        """Return the cross-entropy of each token."""

        def loss(logits: Tensor, targets: Tensor, kept: Tensor, log_probs: Tensor) -> Tensor:
            return lowered_distillation(logits, targets, kept, log_probs, beta=self._beta)

        return answers.each(loss, *answers.top_before(self._top))


@gradient_method(
    title="Self-distillation with adjusted logits (UNDIAL)",
    effect=Effect.WEIGHT_SUPPRESSION,
    summary="Teaches the model its own answers with the true tokens lowered; stable, shallow.",
    source="arXiv 2402.10052",
    needs=("forget",),
)
def undial(settings: Settings) -> Objective:
    """Return the objective."""
    return SelfDistillation(settings)
