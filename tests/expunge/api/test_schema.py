"""The committed OpenAPI schema is the one the API has."""

from __future__ import annotations

from pathlib import Path

import yaml
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiYamlRenderer
from drf_spectacular.validation import validate_schema

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


def test_every_operation_names_its_scopes() -> None:
    silent = {
        f"{method.upper()} {pattern.pattern}"
        for pattern in urls.urlpatterns
        if (view := getattr(pattern.callback, "cls", None)) is not None
        for method in ("get", "post", "put", "patch", "delete")
        if hasattr(view, method) and method.upper() not in view.needs
    }
    assert silent == set()
