"""What is committed as a copy is the copy of what there is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from expunge.jobs.catalog import CATALOG_FILE, catalog
from expunge.jobs.planner import LADDERS

ROOT = Path(__file__).resolve().parents[2]


def test_the_catalog_is_what_the_libraries_print_now() -> None:
    printed = subprocess.run(
        [sys.executable, "scripts/catalog"],
        capture_output=True,
        check=True,
        text=True,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
    ).stdout
    assert json.loads(CATALOG_FILE.read_text()) == json.loads(printed), "run `make snapshots`"


def test_every_rung_of_the_ladder_is_a_method_with_the_effect_it_claims() -> None:
    effects = {card.name: card.effect for card in catalog().methods}
    for ladder in LADDERS.values():
        for rung in ladder:
            assert effects[rung.method] == rung.effect


def test_every_rung_fits_the_layouts_its_method_fits() -> None:
    layouts = {card.name: set(card.layouts) for card in catalog().methods}
    for ladder in LADDERS.values():
        for rung in ladder:
            assert rung.layouts <= layouts[rung.method]
