"""Where a benchmark's rows come from: a local folder, or the Hugging Face hub when asked for.

Every part of a benchmark has one name: its path in the published folder layout
(``knowmem/forget_qa``). A local folder holds it as ``.json`` (one list) or JSON lines (``.json``,
``.jsonl``), gzipped or not. On the hub the same part is a configuration and a split of a data
set; that path needs the package ``datasets`` and a network, and nothing here uses it unasked.
"""

from __future__ import annotations

import gzip
import importlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from verification.benchmarks.table import BenchmarkError

SUFFIXES = (".json", ".jsonl", ".json.gz", ".jsonl.gz")
HUB_PREFIX = "hub:"

Row = Mapping[str, Any]


class Source(Protocol):
    """Gives the rows of a named part of a benchmark."""

    def rows(self, part: str, columns: Sequence[str] = ()) -> list[Row]:
        """Return the rows; raises :class:`BenchmarkError` if absent or without a column."""

    def has(self, part: str) -> bool:
        """Say whether the part is there."""


@dataclass(frozen=True)
class Folder:
    """A local folder in the published layout."""

    path: Path

    def __str__(self) -> str:
        """Return the folder's path."""
        return str(self.path)

    def has(self, part: str) -> bool:
        """Say whether the part is there."""
        return self._file(part) is not None

    def parts(self, pattern: str) -> list[str]:
        """Return the names of the parts whose file name matches a glob pattern, sorted."""
        found = {
            path.name.removesuffix(suffix)
            for suffix in SUFFIXES
            for path in self.path.glob(pattern + suffix)
        }
        return sorted(found)

    def rows(self, part: str, columns: Sequence[str] = ()) -> list[Row]:
        """Return the rows of a part; a list of plain strings becomes rows with a ``text``."""
        path = self._file(part)
        if path is None:
            message = f"{self.path} holds no {part} ({' or '.join(SUFFIXES)})"
            raise BenchmarkError(message)
        return _checked(read_rows(path), columns, path.name)

    def _file(self, part: str) -> Path | None:
        if self.path.is_file():
            return self.path
        candidates = (self.path / f"{part}{suffix}" for suffix in SUFFIXES)
        return next((path for path in candidates if path.is_file()), None)


@dataclass(frozen=True)
class Hub:
    """A data set of the Hugging Face hub; ``parts`` maps our part names to (config, split).

    An id without a slash is an organisation that publishes every part as a data set of its own.
    Untried where there is no network; a local folder gives the same rows.
    """

    name: str
    parts: Mapping[str, tuple[str, str]]

    def __str__(self) -> str:
        """Return the hub id."""
        return HUB_PREFIX + self.name

    def has(self, part: str) -> bool:
        """Say whether the part is published."""
        return part in self.parts

    def rows(self, part: str, columns: Sequence[str] = ()) -> list[Row]:
        """Download the part (or take it from the local cache of ``datasets``)."""
        try:
            library: Any = importlib.import_module("datasets")
        except ImportError:
            message = (
                f"reading {self.name} from the hub needs the package `datasets` "
                "(pip install datasets) and a network; or give a local folder with --data"
            )
            raise BenchmarkError(message) from None
        if part not in self.parts:
            message = f"{self.name} has no part {part}"
            raise BenchmarkError(message)
        configuration, split = self.parts[part]
        whole = (f"{self.name}/{part}",) if "/" not in self.name else (self.name, configuration)
        try:
            rows = list(library.load_dataset(*whole, split=split))
        except Exception as error:  # the library raises its own, network and parsing errors alike
            message = f"{self.name} ({configuration}, {split}) could not be read: {error}"
            raise BenchmarkError(message) from error
        return _checked(rows, columns, part)


def read_rows(path: Path) -> list[Row]:
    """Return the rows of a JSON list or of JSON lines; raises :class:`BenchmarkError`."""
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rt", encoding="utf-8") as handle:
            text = handle.read()
        values = list(_values(text))
    except (OSError, ValueError) as error:
        message = f"{path} is not readable as JSON or JSON lines ({type(error).__name__})"
        raise BenchmarkError(message) from None
    rows = [{"text": value} if isinstance(value, str) else value for value in values]
    if not rows or not all(isinstance(row, dict) for row in rows):
        message = f"{path} holds no rows"
        raise BenchmarkError(message)
    return rows


def _values(text: str) -> Iterator[Any]:
    """Yield the items of one JSON list, of a mapping of columns, or of JSON lines."""
    start = text.lstrip()[:1]
    if start == "[":
        yield from json.loads(text)
        return
    lines = [line for line in text.splitlines() if line.strip()]
    try:
        yield from [json.loads(line) for line in lines]
    except ValueError:
        # One pretty-printed object: a single row.
        yield json.loads(text)


def _checked(rows: list[Row], columns: Sequence[str], name: str) -> list[Row]:
    for number, row in enumerate(rows, start=1):
        missing = [column for column in columns if column not in row]
        if missing:
            message = f"{name}, row {number}: no {', '.join(missing)}"
            raise BenchmarkError(message)
    return rows
