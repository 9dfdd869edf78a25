"""LoKU: the inverted hinge, on adapters that start where the records live.

Idea: instead of pushing a true token down without end, lift only the runner-up above it, which is
bounded and touches two tokens; and train a low-rank adapter that starts in the directions that
matter to the forget records and not to the retained ones (FILA,
:mod:`unlearning.selectors.lora`).

    loss = forget_weight * mean over tokens of D_f of (1 + p(x_t) - max over v != x_t of p(v))
           + retain_weight * NLL per token over D_r

Paper: Cha et al., "Towards Robust and Parameter-Efficient Knowledge Unlearning for LLMs", arXiv
2408.06621. Its setting: rank 32, alpha twice the rank, learning rate 1e-4 to 2e-4.

The frozen model is left as it is: the paper takes the adapter's start off its weights, here a
second, frozen adapter holds that difference, and the two are joined in the end.

Limits: the runner-up of a fact is often a near miss of the same kind, so the loss ends before the
record looks never-trained; facts latent in the frozen weights come back by relearning. Experts of
a fused mixture are not adapted. FILA looks at single gradients of up to ``fisher_samples`` records
of each kind before the first step.
"""

from __future__ import annotations

from dataclasses import field

from pydantic.dataclasses import dataclass
from torch import Tensor

from contract.catalog import Effect
from contract.record import FROZEN
from unlearning.forgetting import gradient_method
from unlearning.losses.tokens import inverted_hinge
from unlearning.objective import Answers, Objective, TokenObjective
from unlearning.selectors import Lora, Selector
from unlearning.weighting import TokenSettings, weigher


@dataclass(frozen=True, config=FROZEN)
class Settings(TokenSettings):
    """Those of the phase; the selector is FILA's unless another is chosen."""

    select: Selector = field(default_factory=lambda: Lora(rank=32, initial="fila"))


class InvertedHinge(TokenObjective):
    """The runner-up above the true token."""

    def tokens(self, answers: Answers) -> Tensor:
        """Return the inverted hinge of each token."""
        return answers.each(inverted_hinge)


@gradient_method(
    title="Low-rank knowledge unlearning (LoKU)",
    effect=Effect.REMOVAL,
    summary="Bounded loss on small adapters that start in the records' own directions.",
    source="arXiv 2408.06621",
)
def loku(settings: Settings) -> Objective:
    """Return the objective."""
    return InvertedHinge(weigher(settings.weight))
