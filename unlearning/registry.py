"""The registry of methods: one decorated function per file, found by ``pkgutil``.

A method's file name is its name. Its settings are a frozen pydantic dataclass with defaults;
their JSON schema goes into the catalog.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Generic, TypeVar, get_args, get_type_hints

from pydantic import TypeAdapter, ValidationError

import unlearning.edits
import unlearning.exact
import unlearning.guards.methods
import unlearning.methods
from contract.catalog import Axis, Catalog, Effect, MethodCard
from contract.job import Layout
from contract.result import ErrorCode, JobError
from unlearning.spec import Context, DataName, Outcome

SettingsT = TypeVar("SettingsT")


@dataclass(frozen=True)
class Method(Generic[SettingsT]):
    """A registered method: its card, the type of its settings and the function that applies it.

    A gradient method also has the ``objective`` that it trains by, for others to build on.
    """

    card: MethodCard
    settings: TypeAdapter[SettingsT]
    function: Callable[[Context, SettingsT], Outcome]
    objective: Callable[[SettingsT], Any] | None = None

    def apply(self, context: Context, settings: SettingsT) -> Outcome:
        """Run the method."""
        return self.function(context, settings)

    def check(self, context: Context) -> None:
        """Refuse, before anything is loaded, a job that does not bring what the method needs.

        Raises ``NOT_SUPPORTED`` for a layout or family it cannot work on, ``DATA_MISSING`` for
        records it cannot do without.
        """
        model = context.model
        if model.layout not in self.card.layouts:
            message = (
                f"the method {self.card.name!r} works on {' or '.join(self.card.layouts)} models, "
                f"and this model is {model.layout}; choose a method that lists this layout"
            )
            raise JobError(ErrorCode.NOT_SUPPORTED, message)
        if model.family not in self.card.families:
            message = f"the method {self.card.name!r} does not know the family {model.family!r}"
            raise JobError(ErrorCode.NOT_SUPPORTED, message)
        for name in get_args(DataName):
            if name in self.card.needs and not context.has(name):
                message = (
                    f"the method {self.card.name!r} needs the {name} records, and the job brings "
                    "none; add them, or choose a method that does without"
                )
                raise JobError(ErrorCode.DATA_MISSING, message)


def method(  # noqa: PLR0913 - a card has this many lines
    *,
    title: str,
    effect: Effect,
    summary: str,
    source: str,
    layouts: tuple[Layout, ...] = ("whole",),
    needs: tuple[str, ...] = ("forget", "retain"),
    axis: Axis | None = None,
    draws_anew: bool = False,
) -> Callable[[Callable[[Context, SettingsT], Outcome]], Method[SettingsT]]:
    """Turn ``function(context, settings)`` into a registered method named after its file."""

    def register(function: Callable[[Context, SettingsT], Outcome]) -> Method[SettingsT]:
        settings: TypeAdapter[SettingsT] = TypeAdapter(get_type_hints(function)["settings"])
        card = MethodCard(
            name=function.__module__.rpartition(".")[2],
            title=title,
            effect=effect,
            summary=summary,
            source=source,
            layouts=layouts,
            needs=needs,
            settings=settings.json_schema(),
            axis=axis,
            draws_anew=draws_anew,
        )
        return Method(card, settings, function)

    return register


@cache
def methods() -> Mapping[str, Method[Any]]:
    """Import every file of the method packages and return its methods by name."""
    found: dict[str, Method[Any]] = {}
    for package in (
        unlearning.methods,
        unlearning.edits,
        unlearning.exact,
        unlearning.guards.methods,
    ):
        for info in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
            module = importlib.import_module(info.name)
            found.update(
                {item.card.name: item for item in vars(module).values() if isinstance(item, Method)}
            )
    return dict(sorted(found.items()))


def unknown(name: str, known: tuple[str, ...]) -> JobError:
    """Return the error for a name nobody registered, with the nearest one that exists."""
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(known)}"
    return JobError(ErrorCode.BAD_JOB, f"there is no method {name!r}{hint}")


def parse_settings(settings: TypeAdapter[SettingsT], values: Mapping[str, Any]) -> SettingsT:
    """Validate a job's settings; raises ``BAD_JOB`` that names the fields, never their values."""
    try:
        return settings.validate_python(dict(values))
    except ValidationError as error:
        known = _names(settings.json_schema())
        fields = "; ".join(
            f"{'.'.join(map(str, item['loc'])) or 'settings'}: {item['msg']}{_near(item, known)}"
            for item in error.errors(include_input=False, include_url=False)
        )
        message = f"the settings of the job are not valid ({fields})"
        raise JobError(ErrorCode.BAD_JOB, message) from error


def _names(schema: Any) -> set[str]:
    """Return the names of all settings of a schema, at any depth."""
    if isinstance(schema, list):
        return {name for item in schema for name in _names(item)}
    if not isinstance(schema, dict):
        return set()
    own = schema.get("properties", {})
    return set(own) | {name for item in schema.values() for name in _names(item)}


def _near(error: Mapping[str, Any], known: set[str]) -> str:
    """Return the setting that an unknown one was perhaps meant to be."""
    if not str(error["type"]).startswith(("unexpected", "extra")) or not error["loc"]:
        return ""
    wrong = str(error["loc"][-1])  # perhaps a setting of something else
    near = difflib.get_close_matches(wrong, sorted(known - {wrong}), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def gradient(name: str, values: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return the settings and the objective of a gradient method; raises ``BAD_JOB``."""
    known = {key: item for key, item in methods().items() if item.objective is not None}
    if name not in known:
        raise unknown(name, tuple(known))
    settings = parse_settings(known[name].settings, values)
    return settings, known[name].objective(settings)  # type: ignore[misc]


def catalog() -> Catalog:
    """Return the cards of all methods."""
    return Catalog(methods=tuple(item.card for item in methods().values()))
