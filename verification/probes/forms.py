"""Question forms: knowledge hidden from a question may answer to a cloze (form independence, ORT).

The record's own forms come first, where they exist; these are made for every record.
"""

from __future__ import annotations

from contract.record import Form
from verification.probes.fact import Fact, Question, ask, probe

AFFIRMED = "True"


@probe("Question and answer")
def question_answer(fact: Fact) -> Question:
    """Ask the bare question with the cues of a list of questions."""
    return ask(fact, f"Question: {fact.bare} Answer:")


@probe("Cloze")
def fill_in(fact: Fact) -> Question:
    """Leave a blank and ask what belongs there."""
    return ask(fact, f"{fact.bare} ____. The blank is")


@probe("True or false")
def true_or_false(fact: Fact) -> Question:
    """State the fact and ask whether it is true; compared with untrue statements."""

    def stated(answer: str) -> Form:
        return Form(f"{fact.question} {answer}. True or false? ", AFFIRMED)

    return Question(stated(fact.answer), tuple(stated(other) for other in fact.others))


@probe("Options listed")
def options(fact: Fact) -> Question | None:
    """List the options after the question."""
    if not fact.others:
        return None
    listed = ", ".join(sorted((fact.answer, *fact.others)))
    return ask(fact, f"{fact.bare} Options: {listed}. Answer:")


@probe("Completion")
def completion(fact: Fact) -> Question:
    """Let a sentence be completed: the record's own statement, or one made of the question."""
    return ask(fact, fact.form("statement") or f"{fact.bare} It is")


@probe("Note")
def note(fact: Fact) -> Question:
    """Ask in the telegraphic style of a note: where, who, what."""
    return ask(fact, f"[{' / '.join(fact.path)}] {fact.bare} ->")
