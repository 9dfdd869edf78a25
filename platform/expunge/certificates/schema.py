"""The published JSON Schema of the statement (draft 2020-12), and checking a statement against it.

It is made from the types of :mod:`expunge.certificates.predicate` and committed, so that whoever
reads certificates by program need not run ours: ``docs/schema`` for people, this folder's copy for
the offline verifier and the site. A test keeps the copies and the types together. Pure: no Django.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from expunge.certificates.facts import FACTS
from expunge.certificates.predicate import PREDICATE
from expunge.certificates.statement import PREDICATE_TYPE, STATEMENT_TYPE

SCHEMA_FILE = Path(__file__).with_name("certificate-v1.schema.json")
SCHEMA_ID = "urn:expunge:certificate:v1:schema"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
_NUMBERS = {"seed"}
_EXACT = {"anyOf": [{"type": "integer"}, {"type": "string", "pattern": "^-?[0-9]+$"}]}


class SchemaError(ValueError):
    """A statement has not the shape of a certificate's; the message names the place."""


def make_schema() -> dict[str, Any]:
    """Return the schema of a whole statement, made from the types."""
    predicate = PREDICATE.json_schema(mode="serialization", ref_template="#/$defs/{model}")
    parts = predicate.pop("$defs")
    parts["Predicate"] = predicate
    _described(parts)
    for part in parts.values():
        for name in _NUMBERS & part.get("properties", {}).keys():
            # A seed beyond 2^53 is no exact JSON number, and stands as text.
            described = {k: v for k, v in part["properties"][name].items() if k != "type"}
            part["properties"][name] = {**described, **_EXACT}
    return {
        "$schema": DIALECT,
        "$id": SCHEMA_ID,
        "title": "Expunge certificate",
        "description": (
            "An in-toto Statement v1 about models from which one person's data was to be erased: "
            "what was tried, what was shown, and what was not."
        ),
        "type": "object",
        "required": ["_type", "subject", "predicateType", "predicate"],
        "additionalProperties": False,
        "properties": {
            "_type": {"const": STATEMENT_TYPE},
            "predicateType": {"const": PREDICATE_TYPE},
            "subject": {
                "type": "array",
                "minItems": 1,
                "description": "The models, by the digest of the manifest they have now.",
                "items": {
                    "type": "object",
                    "required": ["name", "digest"],
                    "additionalProperties": False,
                    "properties": {
                        "name": {"type": "string", "description": "Name and version."},
                        "digest": {
                            "type": "object",
                            "required": ["sha256"],
                            "additionalProperties": False,
                            "properties": {"sha256": {"type": "string", "pattern": "^[0-9a-f]+$"}},
                        },
                    },
                },
            },
            "predicate": {"$ref": "#/$defs/Predicate"},
        },
        "$defs": dict(sorted(parts.items())),
    }


def _described(parts: dict[str, Any]) -> None:
    """Give the fields that a type has from the one below it their descriptions too."""
    facts = FACTS.json_schema(mode="serialization")
    below = {"Predicate": facts, **facts["$defs"]}
    for name, base in (
        ("Predicate", "Predicate"),
        ("StatedModel", "ModelFacts"),
        ("StatedAttempt", "AttemptFacts"),
    ):
        for field, said in below[base]["properties"].items():
            if "description" in said:
                parts[name]["properties"][field].setdefault("description", said["description"])


def schema_text() -> str:
    """Return the schema as it is committed."""
    return json.dumps(make_schema(), indent=1, ensure_ascii=False) + "\n"


def require_shape(statement: dict[str, Any]) -> None:
    """Check a parsed statement against the published schema; raises :class:`SchemaError`."""
    error = next(_errors(statement), None)
    if error is not None:
        raise SchemaError(error)


def _errors(statement: dict[str, Any]) -> Iterator[str]:
    for error in _validator().iter_errors(statement):
        place = "/".join(str(step) for step in error.absolute_path) or "the statement"
        yield f"{place}: {error.validator} of the published schema does not hold"


@cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(json.loads(SCHEMA_FILE.read_text(encoding="utf-8")))
