"""The numbers of ``benchmarks/tofu_table.py`` as the table of ``docs/tofu.md``.

python -m benchmarks.tofu_document benchmarks/results/tofu.json
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.document import put
from benchmarks.ladder import SEARCHED

DOCUMENT = Path("docs/tofu.md")


def table(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield the table, and what it was made with."""
    yield (
        "| set | method | forget quality | utility | extraction | membership | relearned "
        "| CPU seconds |"
    )
    yield "|---|---|---|---|---|---|---|---|"
    for row in found["rows"]:
        quality = row.get("forget_quality")
        yield (
            f"| {row['split']} | {row['row'].replace(SEARCHED, ', searched')} "
            f"| {'' if quality is None else f'{quality:.3g}'} | {row['utility']:.2f} "
            f"| {row['extraction']:.2f} | {row['membership']:.2f} | {row['relearned']:.2f} "
            f"| {row['cost']:.0f} |"
        )
    said = found["settings"]
    yield ""
    yield (
        f"Model: {said['layers']} layers of width {said['hidden']}, vocabulary "
        f"{said['vocabulary']}, {said['epochs']} epochs at {said['rate']:g}; twenty forget10 "
        f"authors and {said['retained']} retained ones; seeds {said['seeds']}; searches of at most "
        f"{said['budget']} trials."
    )


def main() -> None:
    """Put the table into the document."""
    put(DOCUMENT, table(json.loads(Path(sys.argv[1]).read_text())))


if __name__ == "__main__":
    main()
