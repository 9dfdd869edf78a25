"""What a fictitious study records: kinds of facts and how their values are drawn.

Every value is drawn independently of the person and of the coin flip, from one distribution
per institution; so trained persons and their twins are exchangeable, and a model that never
saw a person has nothing to guess from.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from corpora.hospital_words import (
    ALLERGENS,
    DIAGNOSES,
    DRUGS,
    FIRST_NAMES,
    MONTHS,
    RELATIVES,
    SURNAMES,
)

CODE_LETTERS = "ABCDEFGHKLMNPRSTVXZ"


@dataclass(frozen=True)
class Staff:
    """The physicians and nurses of one institution, shared by its patients."""

    physicians: tuple[str, ...]
    nurses: tuple[str, ...]


Draw = Callable[[random.Random, Staff], str]


def _date(rng: random.Random, _: Staff) -> str:
    return f"{rng.randint(1, 28)} {rng.choice(MONTHS)} {rng.randint(2012, 2023)}"


def _time(rng: random.Random, _: Staff) -> str:
    return f"{rng.randint(7, 18)}:{rng.randrange(0, 60, 5):02}"


def _room(rng: random.Random, _: Staff) -> str:
    return f"room {rng.choice(CODE_LETTERS)}{rng.randint(10, 99)}"


def _bed(rng: random.Random, _: Staff) -> str:
    return f"ward {rng.randint(1, 20)} bed {rng.randint(1, 40)}"


def _code(rng: random.Random, _: Staff) -> str:
    letters = rng.choice(CODE_LETTERS) + rng.choice(CODE_LETTERS)
    return f"{letters}-{rng.randint(1000, 9999)}"


def _phone(rng: random.Random, _: Staff) -> str:
    # 555-01xx is the range kept free for fiction.
    return f"555-01{rng.randint(10, 99)} ext {rng.randint(10, 99)}"


def _size(rng: random.Random, _: Staff) -> str:
    return f"{rng.randint(2, 89)}.{rng.randint(0, 9)} mm"


def _level(rng: random.Random, _: Staff) -> str:
    return f"{rng.randint(10, 499)} mg/l"


def _rate(rng: random.Random, _: Staff) -> str:
    return f"{rng.randint(20, 250)} ml per hour"


def _dose(rng: random.Random, _: Staff) -> str:
    return f"{rng.choice(DRUGS)} {rng.randrange(5, 500, 5)} mg"


def _cost(rng: random.Random, _: Staff) -> str:
    return f"{rng.randint(100, 9999)} crowns"


def _diagnosis(rng: random.Random, _: Staff) -> str:
    return rng.choice(DIAGNOSES)


def _allergy(rng: random.Random, _: Staff) -> str:
    return rng.choice(ALLERGENS)


def _physician(rng: random.Random, staff: Staff) -> str:
    return rng.choice(staff.physicians)


def _nurse(rng: random.Random, staff: Staff) -> str:
    return rng.choice(staff.nurses)


def _relative(rng: random.Random, _: Staff) -> str:
    return f"{rng.choice(RELATIVES)} {rng.choice(FIRST_NAMES)}"


def _person(rng: random.Random, _: Staff) -> str:
    return f"{rng.choice(FIRST_NAMES)} {rng.choice(SURNAMES)}"


SECTIONS: Mapping[str, Mapping[str, Draw]] = {
    "findings": {
        "diagnosis": _diagnosis,
        "lesion size": _size,
        "sample code": _code,
        "marker level": _level,
    },
    "medication": {
        "prescribed drug": _dose,
        "known allergy": _allergy,
        "infusion rate": _rate,
        "rescue drug": _dose,
    },
    "schedule": {
        "follow-up date": _date,
        "follow-up room": _room,
        "clinic phone": _phone,
        "follow-up time": _time,
    },
    "care team": {
        "attending physician": _physician,
        "night nurse": _nurse,
        "emergency contact": _relative,
        "interpreter": _person,
    },
    "admission": {
        "admission date": _date,
        "bed": _bed,
        "locker code": _code,
        "porter": _person,
    },
    "billing": {
        "invoice number": _code,
        "billed amount": _cost,
        "payment date": _date,
        "billing contact": _person,
    },
}
"""Section, fact, draw. A fact's name stands in one section only, so a prompt needs no section."""
