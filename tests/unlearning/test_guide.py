from __future__ import annotations

import re
from pathlib import Path

from unlearning.registry import methods

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "docs/guides/methods.md"


def table() -> list[str]:
    """Return the rows that the guide's table must have."""
    return [
        f"| [`{name}`](#{name}) | {item.card.effect.value.replace('_', ' ')} "
        f"| {', '.join(item.card.needs)} | {', '.join(item.card.layouts)} |"
        for name, item in methods().items()
    ]


def test_the_guide_lists_exactly_the_methods_of_the_catalog() -> None:
    rows = re.findall(r"^\| \[`.*$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE)
    assert rows == table(), "the table should read:\n" + "\n".join(table())


def test_every_method_has_its_paragraph() -> None:
    parts = re.split(r"^### `(.*)`$", GUIDE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    paragraphs = dict(zip(parts[1::2], parts[2::2], strict=True))
    assert list(paragraphs) == list(methods())
    assert all(len(text.split()) >= 8 for text in paragraphs.values())


def test_the_readme_names_every_method() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    part = text[text.index("### Methods") : text.index("### Attacks")]
    rows = [line for line in part.splitlines() if line.startswith("|")]
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert named == set(methods())
