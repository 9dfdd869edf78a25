"""The losses: pure functions of tensors, each with one definition, none of them reduced.

* :mod:`unlearning.losses.tokens` - functions of logits and targets, one value a token;
* :mod:`unlearning.losses.weights` - how much a token counts, for any of them;
* :mod:`unlearning.losses.rows` - functions of the likelihood of whole answers, one value a row;
* :mod:`unlearning.losses.divergences` - the f-divergences of FLAT;
* :mod:`unlearning.losses.forward` - what of a model they are computed from.

"NPO" names at least four different quantities in public code (sequence sums, batch means, raw
logits). Here a name is the paper's quantity, how an answer's tokens are reduced is an argument,
and the mean over rows or tokens is taken in one place
(:meth:`unlearning.objective.Answers.over_rows`, ``over_tokens``). All values are in nats.
"""

from unlearning.losses.forward import answer_logits, answer_nll
from unlearning.losses.rows import Reduction, nll, npo
from unlearning.losses.tokens import distillation, log_rest

__all__ = [
    "Reduction",
    "answer_logits",
    "answer_nll",
    "distillation",
    "log_rest",
    "nll",
    "npo",
]
