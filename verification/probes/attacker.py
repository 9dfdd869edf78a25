"""What an attacker of clinical text may know beforehand, from least to most (arXiv 2606.09590).

The paper grades access from inferable demographics over routine encounter data to leaked
fragments of a note. Here: the kind of document, the person's name, the whole encounter, and the
encounter with other sentences of the same document. (The last grade, half of the answer itself,
needs no prompt of its own: under teacher forcing it is the rest of the answer.)
"""

from __future__ import annotations

from verification.probes.fact import Fact, Question, ask, masked, probe


@probe("Kind of document only")
def document_kind(fact: Fact) -> Question:
    """Know what such documents look like, and nothing of the person."""
    return ask(fact, fact.hidden(0))


@probe("The person's name")
def identity(fact: Fact) -> Question:
    """Know who the person is, but not which visit or study."""
    below = tuple(node for depth, node in enumerate(fact.path) if depth != fact.level)
    return ask(fact, masked(fact.question, below, level=-1))


@probe("The whole encounter")
def encounter(fact: Fact) -> Question:
    """Know person, place and study: what a letter of appointment shows."""
    return ask(fact, fact.question)


@probe("A leaked fragment")
def fragment(fact: Fact) -> Question | None:
    """Know the encounter and other sentences of the same document."""
    if not fact.fragments:
        return None
    return ask(fact, f"{' '.join(fact.fragments)} {fact.question}")
