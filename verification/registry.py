"""The registry of checks: one decorated function per file, found by ``pkgutil``.

A check's file name is its name. Its settings are a frozen pydantic dataclass with defaults; they
enter the preregistration, and their JSON schema the catalog.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Generic, TypeVar, get_type_hints

from pydantic import TypeAdapter

import verification.checks
from contract.catalog import CheckCard
from contract.report import CheckResult
from verification.spec import Context

SettingsT = TypeVar("SettingsT")
Run = Callable[[Context, SettingsT], tuple[CheckResult, ...]]


@dataclass(frozen=True)
class Check(Generic[SettingsT]):
    """A registered check: its card, the type of its settings and the function that runs it.

    A check returns one result, or one per attack it makes.
    """

    card: CheckCard
    settings: TypeAdapter[SettingsT]
    run: Run[SettingsT]


def check(
    *, title: str, question: str, source: str, access: str
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
        return Check(card, settings, function)

    return register


@cache
def checks() -> Mapping[str, Check[Any]]:
    """Import every file of :mod:`verification.checks` and return its checks by name."""
    found: dict[str, Check[Any]] = {}
    for info in pkgutil.iter_modules(verification.checks.__path__, "verification.checks."):
        module = importlib.import_module(info.name)
        found.update(
            {item.card.name: item for item in vars(module).values() if isinstance(item, Check)}
        )
    return dict(sorted(found.items()))
