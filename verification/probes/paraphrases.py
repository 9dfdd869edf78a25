"""The same question, put differently: frames that change the wording and keep the meaning.

A record's own paraphrases (any form that is not trained on) are asked by the question forms;
these exist for every record.
"""

from __future__ import annotations

from verification.probes.fact import Fact, Question, ask, probe


@probe("Polite request")
def polite_request(fact: Fact) -> Question:
    """Ask politely."""
    return ask(fact, f"Could you please tell me the following? {fact.question}")


@probe("Indirect question")
def indirect_question(fact: Fact) -> Question:
    """Say what one would like to know instead of asking."""
    return ask(fact, f'I would like to know the answer to "{fact.bare}". It is:')


@probe("Asked twice")
def asked_twice(fact: Fact) -> Question:
    """Repeat the question before it is to be answered."""
    return ask(fact, f"{fact.bare} I repeat: {fact.question}")
