"""Can the coins be read off the model that decided who was trained on?

When a fair coin decided for each pair which of the two was trained on, a model without a trace of
the trained ones gives no hint of how the coins fell. The attacker guesses, for every pair, that
the likelier half was trained on. With v of m guesses right, the exact one-run audit (Steinke et
al. 2023, arXiv 2305.08846) turns that into a lower bound of epsilon, the log of how much the
model changes an attacker's odds about one coin: it is refuted that epsilon is any lower, at the
profile's level. The pairs are independent because their coins were, however alike the records
of a pair are, so no design effect is needed.

It is only ever a lower bound. An epsilon of 0 shows nothing and never leads to a pass; a bound
above what the margin of the membership check would be in odds is evidence of a trace by itself.

Limits: with few coins even a perfect attacker proves little (10 right of 10: epsilon >= 1.05,
20 of 20: 1.82, 15 of 20: 0.18); the coins must have been sealed before training.
"""

from __future__ import annotations

import math

import numpy as np
from pydantic.dataclasses import dataclass

from contract.canary import Coin, read_coins
from contract.record import FROZEN
from contract.report import CheckResult, Estimate, Verdict
from contract.result import ErrorCode, JobError
from verification.facts import FactScores, scores_of
from verification.families.causal_lm import CausalLM
from verification.registry import check
from verification.spec import Context, UnansweredError
from verification.statistics import clopper_pearson, epsilon_lower_bound, one_run_p_value

TITLE = "Canary audit: do the coins show that decided who was trained on?"
LEDGER = "flip coins for pairs when records are taken in, and keep a ledger"
NOTHING = "No coins are known that decided who was trained on, so this was not tried."


@dataclass(frozen=True, config=FROZEN)
class Settings:
    """``score`` of :mod:`verification.scores` that guesses; ``delta`` of (epsilon, delta)."""

    score: str = "loss"
    delta: float = 0.0


@check(
    title=TITLE,
    question="Can an attacker guess which of two records a coin had put into training?",
    source="Steinke, Nasr and Jagielski 2023 (arXiv 2305.08846)",
    access="log-probabilities",
)
def canary_audit(context: Context, settings: Settings) -> tuple[CheckResult, ...]:
    """Guess every coin of the ledger that is about the forgotten records."""
    if context.job.data.canaries is None:
        raise UnansweredError(NOTHING, f"the job names no ledger of coins; {LEDGER}")
    coins = _coins(context, context.job.data.canaries)
    alpha = context.profile.alpha
    if one_run_p_value(len(coins), len(coins), len(coins), 0.0) >= alpha:
        fewest = math.floor(-math.log2(alpha)) + 1
        why = f"{len(coins)} coins show nothing even if all are guessed; {fewest} are needed"
        raise UnansweredError(NOTHING, f"{why}; {LEDGER}")
    after = _audit(context, context.candidate, coins, settings)
    before = _audit(context, context.original, coins, settings)
    epsilon = after[0]
    failed = (epsilon.low or 0.0) > (epsilon.margin or 0.0)
    return (
        CheckResult(
            check="canary_audit",
            title=TITLE,
            verdict=Verdict.FAIL if failed else Verdict.INCONCLUSIVE,
            reading=_reading(after, len(coins), failed=failed),
            reasons=(_reason(epsilon, failed=failed),),
            estimates=after,
            before=before,
            records=sum(len(coin.inside) for coin in coins),
            controls=sum(len(coin.outside) for coin in coins),
        ),
    )


def _coins(context: Context, ledger: str) -> list[Coin]:
    """Return the coins whose records are all asked here; raises ``JobError`` for a bad ledger."""
    try:
        coins = read_coins(context.folder / ledger)
    except FileNotFoundError as error:
        message = "the ledger of the canaries' coins is missing from the job folder"
        raise JobError(ErrorCode.DATA_MISSING, message) from error
    except ValueError as error:
        raise JobError(ErrorCode.BAD_JOB, str(error)) from error
    forget = {record.id for record in context.records.forget}
    twins = {record.id for record in context.records.twins}
    if any(forget & set(coin.outside) or twins & set(coin.inside) for coin in coins):
        message = "the ledger says that a record to forget was never trained, or a twin was"
        raise JobError(ErrorCode.BAD_JOB, message)
    return [coin for coin in coins if forget >= set(coin.inside) and twins >= set(coin.outside)]


def _audit(
    context: Context, model: CausalLM, coins: list[Coin], settings: Settings
) -> tuple[Estimate, Estimate]:
    """Return the lower bound of epsilon and the share of coins guessed right."""
    scores = scores_of(context, model, [*context.records.forget, *context.records.twins])
    right = sum(
        _mean(scores, coin.inside, settings.score) > _mean(scores, coin.outside, settings.score)
        for coin in coins
    )
    count, alpha = len(coins), context.profile.alpha
    bound = epsilon_lower_bound(right, count, count, settings.delta, alpha)
    low, high = clopper_pearson(right, count, 1.0 - alpha)
    equivalence = (context.margins or context.profile.margins[0]).equivalence
    return (
        Estimate(
            f"Epsilon, lower bound at {1.0 - alpha:.0%} confidence",
            bound,
            bound,
            margin=math.log((0.5 + equivalence) / (0.5 - equivalence)),
            p_leak=one_run_p_value(right, count, count, 0.0),
        ),
        Estimate("Share of coins guessed right", right / count, low, high, null=0.5),
    )


def _mean(scores: FactScores, ids: tuple[str, ...], name: str) -> float:
    known = [scores[item][name] for item in ids if item in scores]
    return float(np.mean(known)) if known else -math.inf


def _reading(after: tuple[Estimate, Estimate], coins: int, *, failed: bool) -> str:
    epsilon, share = after
    found = f"An attacker guesses {share.value:.0%} of {coins} coins (50% is chance)"
    if failed:
        return f"{found}: the model still tells who was trained on."
    if epsilon.value > 0.0:
        return f"{found}, which is more than chance: some trace of who was trained on is left."
    return f"{found}; that proves no trace, and proves no absence either."


def _reason(epsilon: Estimate, *, failed: bool) -> str:
    text = f"epsilon is at least {epsilon.value:.2f}"
    if failed:
        return f"{text}, above the {epsilon.margin:.2f} that the membership margin allows"
    return f"{text}; this audit can only find a trace, it never shows that there is none"
