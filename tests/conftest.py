"""What every test may ask for. Rooms with fixtures of their own have a conftest beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from django.db.backends.postgresql.operations import DatabaseOperations

ROOT = Path(__file__).resolve().parents[1]
SHARED_DATA = ROOT.parent / "shared" / "data"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the tests that need the benchmark files wherever those files are."""
    if SHARED_DATA.is_dir():
        return
    absent = pytest.mark.skip(reason="the benchmark files are not on this machine")
    for item in items:
        if item.get_closest_marker("shared_data"):
            item.add_marker(absent)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of the TOFU files."""
    return SHARED_DATA


@pytest.fixture(scope="session", autouse=True)
def emptying_the_test_database_is_allowed() -> Iterator[None]:
    """Lift the append-only triggers for the statement that empties the database after a test."""
    run = DatabaseOperations.execute_sql_flush

    def flush(operations: Any, statements: Sequence[str]) -> None:
        tables = ("audit_leaf", "audit_node", "audit_checkpoint", "audit_cosignature")
        lift = [f"ALTER TABLE {table} DISABLE TRIGGER USER" for table in tables]
        guard = [
            f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_{kind}"
            for table in tables
            for kind in ("rows", "whole")
        ]
        run(operations, [*lift, *statements, *guard])

    patch = pytest.MonkeyPatch()
    patch.setattr(DatabaseOperations, "execute_sql_flush", flush)
    yield
    patch.undo()
