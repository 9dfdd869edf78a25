"""The committed OpenAPI schema is the one the API has."""

from __future__ import annotations

from pathlib import Path

import yaml
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiYamlRenderer
from drf_spectacular.validation import validate_schema
from jsonschema import Draft202012Validator, FormatChecker

from expunge.api.v1 import urls

SNAPSHOT = Path(__file__).resolve().parents[3] / "docs" / "openapi.yaml"


def test_the_snapshot_is_current() -> None:
    schema = SchemaGenerator().get_schema(public=True)
    text = OpenApiYamlRenderer().render(schema, renderer_context={}).decode()
    assert SNAPSHOT.read_text(encoding="utf-8") == text, (
        "run: python manage.py spectacular --file docs/openapi.yaml"
    )


def test_the_schema_is_valid_and_every_failure_is_described() -> None:
    schema = yaml.safe_load(SNAPSHOT.read_text(encoding="utf-8"))
    validate_schema(schema)
    assert schema["openapi"].startswith("3.1")
    assert schema["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    for path, operations in schema["paths"].items():
        for operation in operations.values():
            answers = operation["responses"]
            assert "application/problem+json" in answers["401"]["content"], path
            assert all("token" in choice for choice in operation["security"]), path


def test_every_example_is_what_the_schema_says() -> None:
    schema = yaml.safe_load(SNAPSHOT.read_text(encoding="utf-8"))
    shown = [
        (operation["operationId"], content["schema"], example["value"])
        for operations in schema["paths"].values()
        for operation in operations.values()
        for body in (operation.get("requestBody", {}), *operation["responses"].values())
        for content in body.get("content", {}).values()
        for example in content.get("examples", {}).values()
    ]
    problem = {"$ref": "#/components/schemas/Problem"}
    problems = schema["components"]["schemas"]["Problem"]["examples"]
    shown += [("a problem", problem, example) for example in problems]
    assert {"tickets_file", "training_runs_register", "tickets_bulk"} <= {one for one, *_ in shown}
    for name, said, example in shown:
        whole = {"components": schema["components"], **said}
        faults = Draft202012Validator(whole, format_checker=FormatChecker()).iter_errors(example)
        assert [fault.message for fault in faults] == [], name
        kind = schema["components"]["schemas"][said["$ref"].rsplit("/", 1)[1]]
        assert set(example) <= set(kind["properties"]), name


def test_every_operation_names_its_scopes() -> None:
    silent = {
        f"{method.upper()} {pattern.pattern}"
        for pattern in urls.urlpatterns
        if (view := getattr(pattern.callback, "cls", None)) is not None
        for method in ("get", "post", "put", "patch", "delete")
        if hasattr(view, method) and method.upper() not in view.needs
    }
    assert silent == set()
