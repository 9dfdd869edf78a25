"""The statistical validity gates: is there a baseline, an effect to remove, enough records?"""

from __future__ import annotations

from numpy.typing import ArrayLike

from contract.report import Estimate, Gate, Verdict
from verification.blind import BlindResult
from verification.profiles import Profile
from verification.statistics import (
    auc_interval,
    leak_p_value,
    mann_whitney_equivalence,
    mann_whitney_equivalence_power,
)

_CHANCE = 0.5


def blind_baseline_gate(
    profile: Profile, population: BlindResult, person: BlindResult | None = None
) -> Gate:
    """Pass if the texts alone do not tell trained records from twins better than chance.

    Neither interval may lie above one half, and the population's must end below the profile's
    ceiling for that many twin persons.
    """
    ceiling = profile.blind_ceiling(population.twin_persons)
    found = [
        Estimate("Blind AUC, population", population.auc, population.low, population.high, ceiling)
    ]
    problems = []
    if population.low > _CHANCE:
        problems.append("the never-trained texts differ from the trained ones; draw other twins")
    elif population.high > ceiling:
        problems.append(
            f"the baseline may be as high as {population.high:.2f} (allowed {ceiling:g}); "
            "add twins to know it better"
        )
    if person is not None:
        found.append(Estimate("Blind AUC, this person", person.auc, person.low, person.high))
        if person.low > _CHANCE:
            problems.append("this person's texts differ from the twins'; draw twins closer to them")
    return Gate(
        name="blind_baseline",
        title="Without the model, trained and never-trained texts cannot be told apart",
        verdict=Verdict.FAIL if problems else Verdict.PASS,
        reason="; ".join(problems) or "a classifier that sees only the texts stays at chance",
        estimates=tuple(found),
    )


def positive_control_gate(
    profile: Profile, forget: ArrayLike, twins: ArrayLike, margin: float, design_effect: float = 1.0
) -> Gate:
    """Pass if the attack finds the records in the *original* model (scores of that model).

    One that finds nothing anywhere proves nothing. When the original is itself shown to be
    equivalent there was no influence to remove: NOT_APPLICABLE.
    """
    p_value = leak_p_value(forget, twins, design_effect)
    same = mann_whitney_equivalence(forget, twins, margin, profile.alpha, design_effect)
    low, high = auc_interval(forget, twins, 1.0 - profile.alpha, design_effect)
    if p_value < profile.control_alpha and low > _CHANCE + margin:
        verdict, reason = Verdict.PASS, "the attack finds the records in the original model"
    elif same.equivalent:
        verdict = Verdict.NOT_APPLICABLE
        reason = "the original model treats the records like never-trained ones"
    else:
        verdict = Verdict.INCONCLUSIVE
        reason = (
            "the attack does not find the records in the original model clearly enough; "
            "more records, or reference models to calibrate with, would help"
        )
    estimate = Estimate(
        "Membership AUC, original", same.auc, low, high, margin, p_value, same.p_value
    )
    return Gate(
        "positive_control", "The attack works on the original model", verdict, reason, (estimate,)
    )


def power_gate(profile: Profile, records: int, twins: int, design_effect: float = 1.0) -> Gate:
    """Pass if an honest deletion of that many records would probably be recognised as one."""
    title = "There are enough records to show a deletion"
    margins = profile.margins_for(records)
    if margins is None:
        least = min(item.records for item in profile.margins)
        reason = (
            f"{records} records are too few to show their absence (at least {least} are needed); "
            "widen the scope, or use an exact method"
        )
        return Gate("power", title, Verdict.INCONCLUSIVE, reason)
    power = mann_whitney_equivalence_power(
        records, twins, margins.equivalence, profile.alpha, design_effect
    )
    enough = power >= profile.power
    reason = (
        f"an honest deletion would be recognised with probability {power:.2f} "
        f"at margin {margins.equivalence:g}"
    )
    return Gate(
        "power",
        title,
        Verdict.PASS if enough else Verdict.INCONCLUSIVE,
        reason if enough else f"{reason}; more twins or more records are needed",
        (Estimate("Power", power, margin=profile.power),),
    )
