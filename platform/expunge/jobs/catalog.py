"""Which methods and checks exist, as the libraries printed it: the platform never loads them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from contract.canonical import read_json
from contract.catalog import CATALOG, Catalog, MethodCard

CATALOG_FILE = Path(__file__).with_name("catalog.json")


@cache
def catalog() -> Catalog:
    """Return the committed catalog (``make snapshots`` writes it)."""
    return CATALOG.validate_python(read_json(CATALOG_FILE))


def method_card(name: str) -> MethodCard | None:
    """Return the card of a method, if there is one of this name."""
    return next((card for card in catalog().methods if card.name == name), None)
