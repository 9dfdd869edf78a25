"""Names masked in the question and given back level by level (MedForget's reconstruction attack).

At step 0 nobody is named; every further step names one more node of the record's path, in the
question and in a line of context before it (institution, patient, study, section). Published
prompts are not available; this ladder is made from the record's own path.
"""

from __future__ import annotations

from verification.probes.fact import Fact, Question, ask


def ladder(fact: Fact) -> tuple[Question, ...]:
    """Return the question at every step, from nobody named to the whole path named."""
    steps = []
    for known in range(len(fact.path) + 1):
        context = f"Context: {'; '.join(fact.path[:known])}. " if known else ""
        steps.append(ask(fact, f"{context}{fact.hidden(known)}"))
    return tuple(steps)
