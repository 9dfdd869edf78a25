"""The blind baseline sees bad twins and does not take a name for a difference."""

from __future__ import annotations

import numpy as np
import pytest

from verification.blind import BlindResult, person_baseline, population_baseline
from verification.gates import blind_baseline_gate
from verification.profiles import PROFILES

FACTS = ("blood type", "drug", "ward", "allergy", "diagnosis", "sample code")
FIRST_NAMES = ("Ada", "Ben", "Cleo", "Dan", "Eva", "Finn", "Gus", "Hedy")
PROFILE = PROFILES["erasure"]


def _person(rng: np.random.Generator, number: int, values: range, tail: str = "") -> list[str]:
    name = f"{rng.choice(FIRST_NAMES)} Surname{number:04d}"
    return [
        f"What is the {fact} of {name}? value{rng.choice(values)}{tail}"
        for fact in FACTS
        for _ in range(4)
    ]


def _population(
    seed: int, persons: int, values: range = range(40), tail: str = ""
) -> dict[str, list[str]]:
    rng = np.random.default_rng(seed)
    return {f"{seed}-{n}": _person(rng, 100 * seed + n, values, tail) for n in range(persons)}


def test_twins_from_the_same_templates_pass_the_gate() -> None:
    trained, twins = _population(1, 20), _population(2, 16)
    person = _person(np.random.default_rng(3), 999, range(40))
    gate = blind_baseline_gate(
        PROFILE, population_baseline(trained, twins), person_baseline(person, trained, twins)
    )
    assert gate.verdict == "pass", gate.reason


@pytest.mark.parametrize(
    "twins",
    [_population(2, 16, range(30, 70)), _population(2, 16, tail=", as far as is known today")],
    ids=["other values", "longer answers"],
)
def test_twins_that_differ_fail_the_gate(twins: dict[str, list[str]]) -> None:
    result = population_baseline(_population(1, 20), twins)
    assert result.auc > 0.6
    assert blind_baseline_gate(PROFILE, result).verdict == "fail"


def test_a_person_unlike_the_twins_fails_the_gate() -> None:
    trained, twins = _population(1, 20, range(20)), _population(2, 16, range(20, 40))
    person = _person(np.random.default_rng(3), 999, range(20))
    result = person_baseline(person, trained, twins)
    assert result.low > 0.5
    same = BlindResult(auc=0.5, low=0.45, high=0.55, records=480, twins=384, twin_persons=16)
    assert blind_baseline_gate(PROFILE, same, result).verdict == "fail"


def test_names_shared_by_a_few_do_not_count_as_a_difference() -> None:
    trained, twins = _population(1, 20), _population(2, 16)
    marked = {key: [f"{text} Zelda" for text in texts] for key, texts in trained.items()}
    few = {**trained, **dict(list(marked.items())[:4])}
    assert population_baseline(few, twins) == population_baseline(trained, twins)


def test_the_ceiling_tightens_as_twins_grow_in_number() -> None:
    ceilings = [PROFILE.blind_ceiling(count) for count in (3, 12, 24, 49, 50, 500)]
    assert ceilings == [0.80, 0.75, 0.70, 0.70, 0.60, 0.60]


def test_a_baseline_that_is_too_uncertain_asks_for_more_twins() -> None:
    vague = BlindResult(auc=0.5, low=0.2, high=0.8, records=48, twins=48, twin_persons=20)
    gate = blind_baseline_gate(PROFILE, vague)
    assert gate.verdict == "fail"
    assert "add twins" in gate.reason


def test_one_twin_person_is_no_baseline() -> None:
    with pytest.raises(ValueError, match="twins"):
        population_baseline(_population(1, 5), _population(2, 1))
    with pytest.raises(ValueError, match="person"):
        person_baseline([], _population(1, 5), _population(2, 5))
