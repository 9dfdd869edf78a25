"""What a caller hands in, as the records of a job: checked, named and grouped by person.

A person is a list of facts; a fact is a ``(prompt, answer)`` pair or a
:class:`contract.record.Record`. Several people are a list of persons, a mapping from a pseudonym
to a person, or plain records, which know their own data subject.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from contract.record import Form, Record

Fact = Record | tuple[str, str]
Person = Sequence[Fact]
People = Mapping[str, Person] | Sequence[Person] | Sequence[Record]

PAIR_FORM = "question"
"""The form that a bare pair is taken for."""
FEWEST_TWINS = 2


def records_of(
    *, forget: Person, twins: People, retain: People, neighbours: People, subject_level: int
) -> dict[str, tuple[Record, ...]]:
    """Return the record sets by name; raises ``ValueError`` that says what to change."""
    people = {"twins": twins, "neighbours": neighbours, "retain": retain}
    found = {"forget": _person(forget, "forget", "forget", subject_level)}
    found |= {name: _people(own, name, subject_level) for name, own in people.items()}
    if not found["forget"]:
        raise ValueError("forget holds no record, so there is nothing to verify")
    subjects = {record.subject(subject_level) for record in found["twins"]}
    if len(subjects) < FEWEST_TWINS:
        message = (
            f"twins holds records of {len(subjects)} people; give those of at least "
            f"{FEWEST_TWINS} whom no model was trained on, or nothing can be compared"
        )
        raise ValueError(message)
    if not found["retain"] and not found["neighbours"]:
        message = (
            "retain and neighbours hold no record; give records that the model was trained on "
            "and must keep, or nobody knows whether it is still whole"
        )
        raise ValueError(message)
    return found


def trained_forms(records: Sequence[Record], forms: Sequence[str] | None) -> tuple[str, ...]:
    """Return the trained forms, checked; by default question and statement, as far as used.

    Raises ``ValueError`` when no forget record has any of them.
    """
    present = {name for record in records for name in record.forms}
    wanted = tuple(forms) if forms is not None else ("question", "statement")
    used = tuple(name for name in wanted if name in present)
    if not used or (forms is not None and len(used) < len(wanted)):
        missing = ", ".join(name for name in wanted if name not in present)
        message = (
            f"no forget record has the form {missing}; name the forms that the original was "
            f"trained on with forms=... (the records have {', '.join(sorted(present))})"
        )
        raise ValueError(message)
    return used


def _people(given: People, name: str, level: int) -> tuple[Record, ...]:
    if isinstance(given, Mapping):
        persons = list(given.items())
    elif all(isinstance(item, Record) for item in given):
        return tuple(item for item in given if isinstance(item, Record))
    else:
        persons = [(str(place), person) for place, person in enumerate(given)]  # type: ignore[misc]  # a list of records was handled above
    found: list[Record] = []
    for key, person in persons:
        if _is_pair(person):
            message = (
                f"{name} is a flat list; group it by person, "
                "as [[(prompt, answer), ...], ...] or {pseudonym: [(prompt, answer), ...]}"
            )
            raise ValueError(message)
        found += _person(person, name, f"{name}-{key}", level)
    return tuple(found)


def _person(facts: Person, name: str, subject: str, level: int) -> tuple[Record, ...]:
    path = (*("-",) * level, subject)
    return tuple(
        _record(fact, name, f"{subject}-{place}", path) for place, fact in enumerate(facts)
    )


def _record(fact: Fact, name: str, identity: str, path: tuple[str, ...]) -> Record:
    if isinstance(fact, Record):
        record = fact
    elif _is_pair(fact):
        record = Record(identity, path, {PAIR_FORM: Form(*fact)})
    else:
        raise ValueError(f"{name} holds something that is neither a record nor (prompt, answer)")
    if not record.forms or any(not form.answer.strip() for form in record.forms.values()):
        raise ValueError(f"{name} holds a record without an answer")
    return record


def _is_pair(value: object) -> bool:
    return (
        isinstance(value, tuple)
        and len(value) == 2  # noqa: PLR2004 - a prompt and an answer
        and all(isinstance(part, str) for part in value)
    )
