"""What every test may ask for. Rooms with fixtures of their own have a conftest beside them."""

from __future__ import annotations

from pathlib import Path

import pytest

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
