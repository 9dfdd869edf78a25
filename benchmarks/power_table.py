"""The numbers of ``benchmarks/verifier_power.py`` as Markdown, from the JSON it wrote.

python -m benchmarks.power_table benchmarks/results/verifier_power.json
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.kinds import KINDS

NAMES = {"pass": "p", "fail": "F", "inconclusive": "i", "not_applicable": "n", "invalid": "x"}


def kinds_table(rates: Mapping[str, Any]) -> Iterator[str]:
    """Yield the table of passes by kind and tier, with their intervals."""
    yield "| candidate | passes behavioural | passes erasure | refuted |"
    yield "|---|---|---|---|"
    for row in rates["kinds"]:
        cells = [_rate(row["passes"][tier]) for tier in ("behavioural", "erasure")]
        trials = row["passes"]["erasure"]["trials"]
        yield f"| {row['title']} | {cells[0]} | {cells[1]} | {row['refuted']}/{trials} |"


def _rate(found: Mapping[str, float]) -> str:
    interval = f"[{found['low']:.0%}, {found['high']:.0%}]"
    return f"{found['hits']}/{found['trials']} {interval}"


def checks_table(rates: Mapping[str, Any]) -> Iterator[str]:
    """Yield the table of verdicts by check and kind: F failed, i inconclusive, p passed, n n/a."""
    kinds = [row["kind"] for row in rates["kinds"]]
    yield "| check | " + " | ".join(kinds) + " |"
    yield "|---|" + "---|" * len(kinds)
    for row in rates["checks"]:
        name = row["check"] + (f" + {row['attack']}" if row["attack"] else "")
        yield f"| {name} | " + " | ".join(_counts(row["kinds"].get(kind)) for kind in kinds) + " |"


def _counts(verdicts: Mapping[str, int] | None) -> str:
    if not verdicts:
        return ""
    return " ".join(f"{verdicts[name]}{NAMES[name]}" for name in NAMES if name in verdicts)


def main() -> None:
    """Print both tables."""
    rates = json.loads(Path(sys.argv[1]).read_text())
    print("\n".join(kinds_table(rates)))
    print()
    print("\n".join(checks_table(rates)))
    honest = ", ".join(kind for kind, making in KINDS.items() if making.honest)
    print(
        f"\nHonest: {honest}. Seeds {rates['seeds']}, {rates['persons']} persons, {rates['date']}."
    )


if __name__ == "__main__":
    main()
