"""The catalog: which methods and checks exist, what they claim and which settings they take.

Both libraries print theirs with ``python -m <library> catalog``; the web tier reads the
committed JSON, so it never imports torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from typing import Any

from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass

from contract.record import FROZEN


class Effect(StrEnum):
    """What a method can honestly claim.

    ``exact``: the data took no part in the training of what is served. ``removal``: weights
    change with the aim of taking the information out; needs evidence.
    ``weight_suppression``: weights change, only outputs are meant to. ``serve_suppression``:
    weights unchanged. The last two may never be worded as "erased".
    """

    EXACT = "exact"
    REMOVAL = "removal"
    WEIGHT_SUPPRESSION = "weight_suppression"
    SERVE_SUPPRESSION = "serve_suppression"


@dataclass(frozen=True, config=FROZEN)
class Axis:
    """The one number that says how hard a method works, for a search to move along.

    ``setting`` is its name among the method's settings; from ``low`` (gentle) to ``high``
    (harsh), in equal factors when ``logarithmic``, else in equal steps.
    """

    setting: str
    low: float
    high: float
    logarithmic: bool = True


@dataclass(frozen=True, config=FROZEN)
class MethodCard:
    """What a method is and needs. ``settings`` is a JSON schema with defaults.

    ``axis`` is the method's strength, if it has one that a search can set. ``draws_anew``: another
    seed makes another model, because training starts at what the seed draws; so a second try is a
    second chance, and no second look at the same model.
    """

    name: str
    title: str
    effect: Effect
    summary: str
    source: str
    families: tuple[str, ...] = ("causal_lm",)
    layouts: tuple[str, ...] = ("whole",)
    needs: tuple[str, ...] = ("forget", "retain")
    settings: Mapping[str, Any] = field(default_factory=dict)
    axis: Axis | None = None
    draws_anew: bool = False


@dataclass(frozen=True, config=FROZEN)
class CheckCard:
    """What a check asks, in a data-protection officer's words, and which access it needs."""

    name: str
    title: str
    question: str
    source: str
    access: str
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, config=FROZEN)
class AttackCard:
    """What an attack does to a copy of the model before the checks are run on it."""

    name: str
    title: str
    source: str
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, config=FROZEN)
class ProfileCard:
    """A verification profile: its version and the tier it can grant."""

    name: str
    version: int
    title: str
    grants: str


@dataclass(frozen=True, config=FROZEN)
class Catalog:
    """Everything the two libraries offer."""

    methods: tuple[MethodCard, ...] = ()
    checks: tuple[CheckCard, ...] = ()
    attacks: tuple[AttackCard, ...] = ()
    profiles: tuple[ProfileCard, ...] = ()


CATALOG: TypeAdapter[Catalog] = TypeAdapter(Catalog)
