"""A fictitious hospital network: institution > patient > study > section, one fact a record.

Persons come in pairs made from the same templates and distributions; a recorded coin flip
decides which of the two is trained on. The other is the never-trained twin. Many patients
share a surname or a first name, a diagnosis or a physician, so neighbours in the hierarchy are
hard to keep apart. Everything follows from the seed.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from contract.record import Form, Record
from corpora.assignment import Arm, SubjectKey, flip_pairs
from corpora.dataset import Dataset, DatasetError
from corpora.hospital_facts import SECTIONS, Draw, Staff
from corpora.hospital_words import (
    FIRST_NAMES,
    HOUSES,
    PLACES,
    PUBLIC_INSTITUTION,
    STUDIES,
    SURNAMES,
    TEMPLATES,
)

LEVELS = ("institution", "patient", "study", "section")
SUBJECT_LEVEL = 1
TRAINED_FORMS = ("question", "statement")
WRONG_OPTIONS = 3
TRIES_PER_NAME_LENGTH = 20


@dataclass(frozen=True)
class HospitalSettings:
    """The size of the network. ``namesakes`` is the chance that a patient shares a name.

    Half of the namesakes share a surname and half a first name with an earlier patient of the
    same institution; a whole name is never shared. Raises :class:`DatasetError` for sizes
    beyond the templates (24 studies a patient, 6 sections a study, 4 facts a section).
    """

    institutions: int = 3
    pairs: int = 8
    studies: int = 2
    sections: int = 4
    facts: int = 3
    public: int = 12
    physicians: int = 12
    namesakes: float = 0.4

    def __post_init__(self) -> None:
        most = min(len(kinds) for kinds in SECTIONS.values())
        limits = {"studies": len(STUDIES), "sections": len(SECTIONS), "facts": most}
        for name in ("institutions", "pairs", "studies", "sections", "facts", "physicians"):
            if getattr(self, name) < 1:
                message = f"a hospital network needs at least one of: {name}"
                raise DatasetError(message)
            if getattr(self, name) > limits.get(name, getattr(self, name)):
                message = f"the templates have at most {limits[name]} {name}"
                raise DatasetError(message)
        if self.public < 0 or not 0.0 <= self.namesakes <= 1.0:
            message = "public must not be negative, and namesakes lies between 0 and 1"
            raise DatasetError(message)


def generate_hospital(settings: HospitalSettings | None = None, seed: int = 0) -> Dataset:
    """Generate the network; the same settings and seed give the same dataset, byte for byte."""
    settings = settings or HospitalSettings()
    network = _Network(settings, seed)
    pairs: list[tuple[SubjectKey, SubjectKey]] = []
    records: list[Record] = []
    for institution in _institutions(settings.institutions, seed):
        staff = network.staff(institution)
        for _ in range(settings.pairs):
            pair = (network.admit(institution), network.admit(institution))
            pairs.append(pair)
            for subject in pair:
                records.extend(network.chart(subject, staff))
    public = [network.admit(PUBLIC_INSTITUTION) for _ in range(settings.public)]
    if public:
        staff = network.staff(PUBLIC_INSTITUTION)
        records.extend(item for subject in public for item in network.chart(subject, staff))
    assignment = flip_pairs(pairs, seed)
    arms = assignment.arms() | dict.fromkeys(public, Arm.PUBLIC)
    return Dataset(
        "hospital",
        LEVELS,
        SUBJECT_LEVEL,
        TRAINED_FORMS,
        seed,
        tuple(records),
        arms,
        assignment,
    )


@dataclass
class _Network:
    """The names given out so far, and the generator of each person's chart."""

    settings: HospitalSettings
    seed: int
    taken: set[str] = field(default_factory=set)
    patients: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    made: int = 0

    def staff(self, institution: str) -> Staff:
        """Return an institution's physicians and nurses."""
        rng = _stream(self.seed, "staff", institution)
        size = min(self.settings.physicians, len(SURNAMES), len(FIRST_NAMES))
        physicians = tuple(f"Dr {name}" for name in rng.sample(SURNAMES, size))
        nurses = tuple(f"nurse {name}" for name in rng.sample(FIRST_NAMES, size))
        return Staff(physicians, nurses)

    def admit(self, institution: str) -> SubjectKey:
        """Give a new patient a name that nobody else in the network has."""
        earlier = self.patients.setdefault(institution, [])
        rng = _stream(self.seed, "name", institution, str(len(earlier)))
        tries = 0
        while True:
            # Large networks run out of short names: then surnames are joined by hyphens.
            parts = 1 + tries // TRIES_PER_NAME_LENGTH
            first = rng.choice(FIRST_NAMES)
            last = "-".join(rng.choice(SURNAMES) for _ in range(parts))
            if earlier and rng.random() < self.settings.namesakes:
                namesake = rng.choice(earlier)
                first, last = (first, namesake[1]) if rng.random() < 0.5 else (namesake[0], last)  # noqa: PLR2004 - half each
            name = f"{first} {last}"
            if name not in self.taken:
                break
            tries += 1
        self.taken.add(name)
        earlier.append((first, last))
        return (institution, name)

    def chart(self, subject: SubjectKey, staff: Staff) -> Iterator[Record]:
        """Yield every fact about one patient."""
        rng = _stream(self.seed, "chart", *subject)
        for study in rng.sample(STUDIES, self.settings.studies):
            for section, kinds in list(SECTIONS.items())[: self.settings.sections]:
                for fact, draw in list(kinds.items())[: self.settings.facts]:
                    self.made += 1
                    path = (*subject, study, section)
                    names = {"patient": subject[-1], "study": study, "fact": fact}
                    forms = _forms(rng, names, draw, staff)
                    yield Record(f"hospital-{self.made:06}", path, forms)


def _forms(rng: random.Random, names: dict[str, str], draw: Draw, staff: Staff) -> dict[str, Form]:
    """Word one fact in every form; the choice form lists the answer among wrong ones."""
    answer = draw(rng, staff)
    wrong = _wrong(rng, answer, draw, staff)
    options = [answer, *wrong]
    rng.shuffle(options)
    forms = {}
    for form, wordings in TEMPLATES.items():
        prompt = rng.choice(wordings).format(**names, options=", ".join(options))
        forms[form] = Form(prompt, answer, wrong if form in {"question", "choice"} else ())
    return forms


def _wrong(rng: random.Random, answer: str, draw: Draw, staff: Staff) -> tuple[str, ...]:
    """Draw up to three further values of the same kind; a tiny staff may have fewer."""
    values: dict[str, None] = {}
    for _ in range(WRONG_OPTIONS * TRIES_PER_NAME_LENGTH):
        value = draw(rng, staff)
        if value != answer:
            values[value] = None
        if len(values) == WRONG_OPTIONS:
            break
    return tuple(values)


def _institutions(count: int, seed: int) -> list[str]:
    names = [f"{place} {house}" for house in HOUSES for place in PLACES]
    _stream(seed, "institutions").shuffle(names)
    rounds = range(1 + (count - 1) // len(names))
    numbered = [f"{name} {turn + 1}" if turn else name for turn in rounds for name in names]
    return numbered[:count]


def _stream(seed: int, *labels: str) -> random.Random:
    """Return a generator of its own for one purpose, so that parts do not disturb each other."""
    return random.Random("/".join((str(seed), *labels)))  # noqa: S311 - fiction, not a secret
