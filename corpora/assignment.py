"""Who is trained on: coin flips that are keyed, recorded and can be replayed.

The comparison of a forgotten person with never-trained twins is only fair when chance alone
decided who was trained (the randomised design of Steinke et al. 2023, arXiv 2305.08846, and
of Hubble's inserted texts). A flip is SHA-256 of the seed and the subject, so anyone who
knows the seed can repeat it, in any order and without this program's random generator.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Literal

from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass

from contract.canonical import canonical, digest_json
from contract.record import FROZEN

SubjectKey = tuple[str, ...]
"""The path of a data subject, from the root of the hierarchy."""


class Arm(StrEnum):
    """What a data subject's records are used for."""

    TRAINED = "trained"
    TWIN = "twin"
    PUBLIC = "public"


@dataclass(frozen=True, config=FROZEN)
class Flip:
    """The outcome for one subject; ``twin`` is its partner in a pair and gets the other arm."""

    subject: SubjectKey
    arm: Arm
    twin: SubjectKey | None = None


@dataclass(frozen=True, config=FROZEN)
class Assignment:
    """All flips of a dataset, ready to be sealed in an audit log by :attr:`digest`.

    ``design`` is ``pairs`` (one coin a pair), ``share`` (one coin a subject, which is trained
    with probability ``share``) or ``counts`` (a random order, cut into arms of fixed sizes).
    """

    design: Literal["pairs", "share", "counts"]
    seed: int
    flips: tuple[Flip, ...]
    share: float = 0.5

    @property
    def digest(self) -> str:
        """Return the digest of the seed and every flip."""
        data = ASSIGNMENT.dump_python(self, mode="json")
        # Canonical JSON has no integers beyond 2**53; seeds may have 64 bits.
        return digest_json({**data, "seed": str(self.seed)})

    def arms(self) -> dict[SubjectKey, Arm]:
        """Return the arm of every subject, both members of a pair included."""
        arms: dict[SubjectKey, Arm] = {}
        for flip in self.flips:
            arms[flip.subject] = flip.arm
            if flip.twin is not None:
                arms[flip.twin] = Arm.TWIN if flip.arm is Arm.TRAINED else Arm.TRAINED
        return arms

    def replays(self) -> bool:
        """Tell whether the recorded seed gives exactly the recorded outcomes."""
        subjects = [flip.subject for flip in self.flips]
        if self.design == "pairs":
            pairs = [(flip.subject, flip.twin) for flip in self.flips if flip.twin is not None]
            again = flip_pairs(pairs, self.seed)
        elif self.design == "share":
            again = flip_subjects(subjects, self.seed, self.share)
        else:
            again = draw_arms(subjects, self.seed, Counter(flip.arm for flip in self.flips))
        return again.arms() == self.arms()


ASSIGNMENT: TypeAdapter[Assignment] = TypeAdapter(Assignment)


def flip_pairs(pairs: Iterable[tuple[SubjectKey, SubjectKey]], seed: int) -> Assignment:
    """Flip one fair coin a pair: heads trains the first member, tails the second."""
    flips = [
        Flip(first, Arm.TRAINED if coin(seed, first, second) < 0.5 else Arm.TWIN, second)  # noqa: PLR2004 - a fair coin
        for first, second in pairs
    ]
    return Assignment("pairs", seed, _distinct(flips))


def flip_subjects(subjects: Iterable[SubjectKey], seed: int, share: float = 0.5) -> Assignment:
    """Train each subject with probability ``share`` (between 0 and 1); the others are twins."""
    if not 0.0 <= share <= 1.0:
        message = "the trained share must lie between 0 and 1"
        raise ValueError(message)
    flips = [
        Flip(subject, Arm.TRAINED if coin(seed, subject) < share else Arm.TWIN)
        for subject in subjects
    ]
    return Assignment("share", seed, _distinct(flips), share)


def draw_arms(subjects: Sequence[SubjectKey], seed: int, counts: Mapping[Arm, int]) -> Assignment:
    """Put subjects in random order and cut it into arms of the given sizes.

    Subjects beyond the sum of ``counts`` are left out. Raises ``ValueError`` when there are
    too few subjects or a count is negative.
    """
    wanted = sum(counts.values())
    if min(counts.values(), default=0) < 0 or wanted > len(subjects):
        message = f"cannot draw {wanted} subjects from {len(subjects)}"
        raise ValueError(message)
    order = shuffled(subjects, seed)
    flips: list[Flip] = []
    for arm in Arm:
        start = len(flips)
        flips += [Flip(subject, arm) for subject in order[start : start + counts.get(arm, 0)]]
    return Assignment("counts", seed, _distinct(flips))


def shuffled(subjects: Iterable[SubjectKey], seed: int, purpose: str = "") -> list[SubjectKey]:
    """Return the subjects in a random order keyed by the seed and a purpose."""
    return sorted(subjects, key=lambda subject: (coin(seed, subject, (purpose,)), subject))


def coin(seed: int, *keys: SubjectKey) -> float:
    """Return a number uniform on [0, 1): the first 53 bits of SHA-256 of seed and keys."""
    data = canonical([str(seed), [list(key) for key in keys]])
    return (int.from_bytes(hashlib.sha256(data).digest()[:8]) >> 11) / (1 << 53)


def _distinct(flips: list[Flip]) -> tuple[Flip, ...]:
    seen = Counter(key for flip in flips for key in (flip.subject, flip.twin) if key is not None)
    if any(count > 1 for count in seen.values()):
        message = "a data subject stands in more than one coin flip"
        raise ValueError(message)
    return tuple(flips)
