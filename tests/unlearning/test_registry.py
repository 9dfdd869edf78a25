from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic.dataclasses import dataclass

import unlearning.edits
import unlearning.exact
import unlearning.guards.methods
import unlearning.methods
from contract.catalog import CATALOG, Effect
from contract.result import ErrorCode, JobError
from unlearning import registry
from unlearning.__main__ import main
from unlearning.spec import Context, Outcome

PACKAGES = (
    unlearning.methods,
    unlearning.edits,
    unlearning.exact,
    unlearning.guards.methods,
)


def test_every_method_file_is_in_the_registry_under_its_name() -> None:
    files = {
        path.stem
        for package in PACKAGES
        for path in Path(package.__path__[0]).glob("*.py")
        if path.stem != "__init__"
    }
    assert set(registry.methods()) == files


def test_the_printed_catalog_is_the_registry(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["catalog"]) == 0
    printed = CATALOG.validate_python(json.loads(capsys.readouterr().out))
    assert {card.name for card in printed.methods} == set(registry.methods())
    assert printed == registry.catalog()


def test_every_setting_has_a_default() -> None:
    for item in registry.methods().values():
        assert registry.parse_settings(item.settings, {}) is not None
        assert "required" not in item.card.settings


def test_a_decorated_function_becomes_a_method_named_after_its_file() -> None:
    @dataclass(frozen=True)
    class Settings:
        strength: float = 0.5

    def forget(context: Context, settings: Settings) -> Outcome:
        return Outcome("whole")

    forget.__annotations__["settings"] = Settings
    made = registry.method(title="T", effect=Effect.REMOVAL, summary="S", source="P")(forget)
    assert made.card.name == "test_registry"
    assert made.card.settings["properties"]["strength"]["default"] == 0.5


def test_a_bad_setting_is_named_without_its_value() -> None:
    npo = registry.methods()["npo"]
    with pytest.raises(JobError) as error:
        registry.parse_settings(npo.settings, {"beta": "Ada Novak"})
    assert error.value.code is ErrorCode.BAD_JOB
    assert "beta" in error.value.message and "Novak" not in error.value.message


def test_a_name_with_no_neighbour_lists_what_there_is() -> None:
    assert "known are npo, undo" in registry.unknown("zzz", ("npo", "undo")).message
