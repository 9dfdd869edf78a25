"""CE-U: teach the model its own distribution without the true token.

    loss = mean over answer tokens of D_f, but each answer's first, of CE(q, p),
    q = softmax(sg(logits) with the true token's at minus infinity)

The target is what the model would say if it could not say the truth, so the loss has a floor and
its gradient fades where the true token is unlikely. Paper: Yang, "CE-U: Cross Entropy Unlearning",
arXiv 2503.01224 (learning rate 1e-5; 2e-6 for Llama-2-7B). The first token is left out as in the
paper (``skip_first``), for it is often the start of any answer. It needs the records in scope
only; a retain term can be added.

Limits: other wordings of the fact are not touched; without retained records what is near goes too.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic.dataclasses import dataclass
from torch import Tensor

from contract.catalog import Effect
from contract.record import FROZEN
from unlearning.forgetting import gradient_method
from unlearning.losses.tokens import targetless_entropy
from unlearning.objective import FORGET, Answers, Objective, RetainTerm, TokenObjective
from unlearning.weighting import TokenSettings, weigher


@dataclass(frozen=True, config=FROZEN)
class Settings(TokenSettings):
    """``skip_first``: leave the first token of each answer out."""

    skip_first: bool = True
    retain_term: RetainTerm = "none"


class CrossEntropyUnlearning(TokenObjective):
    """The CE-U loss of tokens."""

    skip_first: bool = True

    def tokens(self, answers: Answers) -> Tensor:
        """Return the cross-entropy of each token, zero for those left out."""
        tokens = answers.each(targetless_entropy)
        return tokens * ~answers.first if self.skip_first else tokens

    def forget(self, seen: Mapping[str, Answers]) -> Tensor:
        """Return the mean over the tokens that count."""
        answers = seen[FORGET]
        if not self.skip_first:
            return super().forget(seen)
        counted = max(1, answers.total_tokens - answers.total_rows)
        return super().forget(seen) * (answers.total_tokens / counted)


@gradient_method(
    title="Cross-entropy unlearning (CE-U)",
    effect=Effect.REMOVAL,
    summary="Teaches the model its own answers without the true tokens; needs the records only.",
    source="arXiv 2503.01224",
    needs=("forget",),
)
def ce_u(settings: Settings) -> Objective:
    """Return the objective."""
    objective = CrossEntropyUnlearning(weigher(settings.weight))
    objective.skip_first = settings.skip_first
    return objective
