"""The client asks for what the schema has, and reads what the schema says."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from expunge_client import client, models

ROOT = Path(__file__).resolve().parents[2]
SCHEMA: dict[str, Any] = yaml.safe_load((ROOT / "docs" / "openapi.yaml").read_text())
VALUES = [
    kind
    for kind in vars(models).values()
    if inspect.isclass(kind)
    and issubclass(kind, BaseModel)
    and not kind.__name__.startswith("_")
    and kind is not BaseModel
]
METHODS = {"get": "get", "pages": "get", "content": "get", "post": "post"}


def operations_used() -> set[tuple[str, str]]:
    """Return method and address of every call that the client's source makes."""
    found = set()
    paths: dict[str, str] = {}
    for node in ast.walk(ast.parse(inspect.getsource(client))):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            paths[node.targets[0].id] = address(node.value)
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in METHODS
            and ast.unparse(node.func.value) == "self._call"
        ):
            place = node.args[0]
            path = paths[place.id] if isinstance(place, ast.Name) else address(place)
            found.add((METHODS[node.func.attr], path))
    return found


def address(node: ast.expr) -> str:
    """Return an address with ``{}`` for what is filled in."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(
            str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values
        )
    return ""


def test_every_operation_exists() -> None:
    known = {
        (method, re.sub(r"\{[^}]+\}", "{}", path).removeprefix("/api/v1/"))
        for path, methods in SCHEMA["paths"].items()
        for method in methods
    }
    used = operations_used()
    assert len(used) > 12 and used <= known


@pytest.mark.parametrize("kind", VALUES, ids=lambda kind: kind.__name__)
def test_every_field_exists_with_its_type(kind: type[BaseModel]) -> None:
    component = SCHEMA["components"]["schemas"][kind.__name__]
    ours = kind.model_json_schema()["properties"]
    assert set(ours) <= set(component["properties"])
    for name, field in kind.model_fields.items():
        theirs = component["properties"][name]
        assert may_be_null(ours[name]) >= may_be_null(theirs), f"{name} may be null"
        if field.is_required():
            assert name in component["required"], f"{name} may be missing"
        said = simple_types(theirs)
        assert not said or said <= simple_types(ours[name]), name


def may_be_null(schema: dict[str, Any]) -> bool:
    kinds = schema.get("type", "")
    options = [*schema.get("oneOf", ()), *schema.get("anyOf", ())]
    return "null" in kinds or any(may_be_null(option) for option in options)


def simple_types(schema: dict[str, Any]) -> set[str]:
    """Return the plain JSON types that a schema names."""
    if "$ref" in schema or "allOf" in schema:
        return set()
    options = [*schema.get("oneOf", ()), *schema.get("anyOf", ())]
    found = set().union(*(simple_types(option) for option in options)) if options else set()
    kinds = schema.get("type", ())
    return (found | ({kinds} if isinstance(kinds, str) else set(kinds))) - {"null"}
