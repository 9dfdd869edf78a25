from __future__ import annotations

from pathlib import Path

from benchmarks.relearning import Cell, table
from contract.canonical import read_json

ROOT = Path(__file__).resolve().parents[2]
BEGIN, END = "<!-- table: begin -->\n", "\n<!-- table: end -->"


def test_the_page_shows_what_the_benchmark_measured() -> None:
    page = (ROOT / "docs/relearning.md").read_text(encoding="utf-8")
    cells = read_json(ROOT / "benchmarks/results/relearning.json")["cells"]
    shown = page.partition(BEGIN)[2].partition(END)[0]
    assert shown == "\n".join(table([Cell(**cell) for cell in cells]))
