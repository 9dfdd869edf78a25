"""Mix the weights of the candidate with the original's: how thin is what lies between them?

``(1 - a) candidate + a original`` for a few small shares ``a`` of the original. At a share of 1
everything is back, by construction, so that something comes back shows nothing by itself. What
it can show is *how soon*: where the facts are back as a whole after a small share, while what
was retained is untouched all the way, the candidate is the original under a thin patch
(suppression); where half-way models know nothing of the person and also lose what was retained,
the two lie in different valleys, as a retrained model does (linear mode connectivity:
arXiv 2505.22310). The straight line, ``a`` of the memorisation back at share ``a``, is the
yardstick of a change that is neither.

It decides nothing: nobody attacks a model by means of the original, which has the facts itself,
and there is no honest control in the same model (the original never knew the twins). With
reference models in the job, average these alike and compare. Use it with ``residual`` (how much
is back) and ``utility`` (whether the way between them is level).
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic.dataclasses import dataclass

from contract.record import FROZEN
from contract.result import ErrorCode, JobError
from verification.registry import attack
from verification.spec import Context, Tampered
from verification.weights import interpolated, same_parameters


@dataclass(frozen=True, config=FROZEN)
class Settings:
    """``shares`` of the original in the mixture."""

    shares: tuple[float, ...] = (0.1, 0.25, 0.5)


@attack(
    title="Mixing the weights with the original's",
    source="Linear mode connectivity, after arXiv 2505.22310",
)
def average(context: Context, settings: Settings) -> Iterator[Tampered]:
    """Yield the mixtures of the candidate with the original, least of the original first."""
    original, candidate = context.original, context.candidate
    if not same_parameters(original, candidate):
        message = "the two models have parts of different shapes, and cannot be mixed"
        raise JobError(ErrorCode.NOT_SUPPORTED, message)
    for share in settings.shares:
        label = f"average-{share:.0%}".removesuffix("%")
        if context.wants(label):
            key = f"{candidate.key}+{label}"
            yield Tampered(label, interpolated(candidate, original, share, key))
