"""The published schema: made from the types, the same everywhere, and true of every statement."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from expunge.certificates.facts import ModelFacts
from expunge.certificates.schema import (
    SCHEMA_FILE,
    SchemaError,
    make_schema,
    require_shape,
    schema_text,
)
from expunge.certificates.statement import build_statement
from tests.expunge.certificates import samples
from tests.expunge.certificates.test_statement import IDENTITY

ROOT = Path(__file__).parents[3]
PUBLISHED = ROOT / "docs/schema" / SCHEMA_FILE.name
GUIDE = ROOT / "docs/guides/certificate-statement.md"


def stated(*models: ModelFacts) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(
        build_statement(replace(samples.FACTS, models=models), IDENTITY)
    )
    return said


def test_the_committed_copies_are_those_of_the_types() -> None:
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text()
    assert PUBLISHED.read_text(encoding="utf-8") == schema_text()


def test_it_is_a_schema_of_the_draft_it_names() -> None:
    schema = make_schema()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize(
    "model",
    [
        samples.ASSISTANT,
        samples.SHARDED,
        samples.BEHAVED,
        samples.GUARDED,
        samples.REFUTED,
        samples.BROKEN,
        replace(samples.ASSISTANT, attempts=()),
    ],
)
def test_every_kind_of_statement_has_its_shape(model: ModelFacts) -> None:
    require_shape(stated(model))


def test_a_seed_beyond_the_numbers_of_json_fits_too() -> None:
    assert samples.FAILED.result is not None
    result = replace(samples.FAILED.result, seed=2**61)
    require_shape(
        stated(replace(samples.REFUTED, attempts=(replace(samples.FAILED, result=result),)))
    )


def _no_attempts(said: dict[str, Any]) -> None:
    del said["predicate"]["models"][0]["attempts"]


def _another_kind(said: dict[str, Any]) -> None:
    said["predicate"]["kind"] = "perfect"


def _a_new_field(said: dict[str, Any]) -> None:
    said["predicate"]["subject_name"] = "Erika"


def _another_type(said: dict[str, Any]) -> None:
    said["predicateType"] = "urn:expunge:certificate:v2"


def _no_digest(said: dict[str, Any]) -> None:
    said["subject"][0]["digest"] = {}


@pytest.mark.parametrize(
    "bend", [_no_attempts, _another_kind, _a_new_field, _another_type, _no_digest]
)
def test_a_statement_of_another_shape_is_refused_and_the_place_named(
    bend: Callable[[dict[str, Any]], None],
) -> None:
    said = copy.deepcopy(stated(samples.ASSISTANT))
    bend(said)
    with pytest.raises(SchemaError, match="published schema"):
        require_shape(said)


def test_the_guide_explains_every_field_in_the_schemas_words() -> None:
    guide = GUIDE.read_text(encoding="utf-8")
    parts = make_schema()["$defs"]
    for name in ("Predicate", "StatedModel", "StatedAttempt", "ScopeFacts", "Evidence"):
        for field, described in parts[name]["properties"].items():
            assert f"| `{field}` |" in guide
            if text := described.get("description"):
                assert " ".join(text.split()) in guide, (name, field)
