"""The registries of checks and of attacks: one decorated function per file, found by ``pkgutil``.

A plug-in's file name is its name. Its settings are a frozen pydantic dataclass with defaults;
they enter the preregistration, and their JSON schema the catalog.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any, Generic, TypeVar, get_type_hints

from pydantic import TypeAdapter

import verification.attacks
import verification.checks
from contract.catalog import AttackCard, CheckCard
from contract.report import CheckResult
from verification.spec import Context, Tampered, UnansweredError

SettingsT = TypeVar("SettingsT")
PlugInT = TypeVar("PlugInT", "Check[Any]", "Attack[Any]")
Run = Callable[[Context, SettingsT], tuple[CheckResult, ...]]
Tamper = Callable[[Context, SettingsT], Iterator[Tampered]]


@dataclass(frozen=True, eq=False)
class Check(Generic[SettingsT]):
    """A registered check: its card, the type of its settings and the function that runs it.

    A check returns one result, or several. One that makes its ``own_attacks`` labels its results
    itself and is never composed with an attack of the registry.
    """

    card: CheckCard
    settings: TypeAdapter[SettingsT]
    function: Run[SettingsT]
    own_attacks: bool = False

    def run(self, context: Context, settings: SettingsT) -> tuple[CheckResult, ...]:
        """Run the check; :class:`UnansweredError` becomes a result that says why."""
        try:
            return self.function(context, settings)
        except UnansweredError as error:
            return (
                CheckResult(
                    check=self.card.name,
                    title=self.card.title,
                    verdict=error.verdict,
                    reading=error.reading,
                    reasons=(error.reason,),
                    records=len(context.records.forget),
                    controls=len(context.records.twins),
                ),
            )


@dataclass(frozen=True, eq=False)
class Attack(Generic[SettingsT]):
    """A registered attack: it yields attacked copies of the context's candidate, one at a time."""

    card: AttackCard
    settings: TypeAdapter[SettingsT]
    run: Tamper[SettingsT]

    def makes(self, label: str) -> bool:
        """Say whether a model of that label is this attack's."""
        prefix = self.card.name.replace("_", "-")
        return label == prefix or label.startswith(f"{prefix}-")


def check(
    *, title: str, question: str, source: str, access: str, own_attacks: bool = False
) -> Callable[[Run[SettingsT]], Check[SettingsT]]:
    """Turn ``function(context, settings)`` into a registered check named after its file."""

    def register(function: Run[SettingsT]) -> Check[SettingsT]:
        settings: TypeAdapter[SettingsT] = TypeAdapter(get_type_hints(function)["settings"])
        card = CheckCard(
            name=function.__module__.rpartition(".")[2],
            title=title,
            question=question,
            source=source,
            access=access,
            settings=settings.json_schema(),
        )
        return Check(card, settings, function, own_attacks)

    return register


def attack(*, title: str, source: str) -> Callable[[Tamper[SettingsT]], Attack[SettingsT]]:
    """Turn ``function(context, settings)`` into a registered attack named after its file."""

    def register(function: Tamper[SettingsT]) -> Attack[SettingsT]:
        settings: TypeAdapter[SettingsT] = TypeAdapter(get_type_hints(function)["settings"])
        name = function.__module__.rpartition(".")[2]
        card = AttackCard(name, title, source, settings.json_schema())
        return Attack(card, settings, function)

    return register


@cache
def checks() -> Mapping[str, Check[Any]]:
    """Import every file of :mod:`verification.checks` and return its checks by name."""
    return _found(verification.checks, Check)


@cache
def attacks() -> Mapping[str, Attack[Any]]:
    """Import every file of :mod:`verification.attacks` and return its attacks by name."""
    return _found(verification.attacks, Attack)


def _found(package: ModuleType, kind: type[PlugInT]) -> Mapping[str, PlugInT]:
    found: dict[str, PlugInT] = {}
    for info in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        module = importlib.import_module(info.name)
        found.update(
            {item.card.name: item for item in vars(module).values() if isinstance(item, kind)}
        )
    return dict(sorted(found.items()))
