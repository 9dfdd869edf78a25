"""What a benchmark run returns: named numbers, with how many records each rests on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from contract.canonical import read_json, write_json


class BenchmarkError(Exception):
    """A benchmark cannot be run as asked; the message says what is missing and where."""


@dataclass(frozen=True)
class Metric:
    """One number. ``value`` is ``None`` when it was not measured, and ``note`` says why.

    ``low`` and ``high`` are exact 95 % bounds where the number is a share of records.
    """

    name: str
    value: float | None
    records: int = 0
    low: float | None = None
    high: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Table:
    """The metrics of one model on one benchmark, in the order the benchmark reports them.

    ``settings`` says how it was measured (prompt template, token limits, which ROUGE);
    ``samples`` keeps per-record values that another run may be compared with.
    """

    benchmark: str
    source: str
    metrics: tuple[Metric, ...]
    settings: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    samples: dict[str, list[float]] = field(default_factory=dict)

    def __getitem__(self, name: str) -> float | None:
        """Return the value of a metric by name; raises ``KeyError`` if it is not reported."""
        return self.metric(name).value

    def __iter__(self) -> Iterator[Metric]:
        """Iterate over the metrics."""
        return iter(self.metrics)

    def metric(self, name: str) -> Metric:
        """Return a metric by name; raises ``KeyError`` if it is not reported."""
        for item in self.metrics:
            if item.name == name:
                return item
        message = f"{name} is not reported; there are {', '.join(m.name for m in self.metrics)}"
        raise KeyError(message)

    def values(self) -> dict[str, float | None]:
        """Return all values by name."""
        return {item.name: item.value for item in self.metrics}

    def text(self) -> str:
        """Return the table as plain text, one metric a line."""
        rows = [("metric", "value", "95 %", "records", ""), *(_row(item) for item in self.metrics)]
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        lines = [
            "  ".join(
                [row[0].ljust(widths[0])]
                + [row[column].rjust(widths[column]) for column in (1, 2, 3)]
                + [row[4]]
            ).rstrip()
            for row in rows
        ]
        head = f"{self.benchmark}: {self.source}"
        settings = [f"{name}: {value}" for name, value in self.settings.items()]
        return "\n".join([head, *settings, "", *lines, *(f"note: {item}" for item in self.notes)])

    def write(self, path: Path) -> None:
        """Write the table as JSON."""
        write_json(path, self.as_json())

    def as_json(self) -> dict[str, Any]:
        """Return the table as JSON-like data."""
        return {
            "benchmark": self.benchmark,
            "source": self.source,
            "settings": self.settings,
            "metrics": [vars(item) for item in self.metrics],
            "notes": list(self.notes),
            "samples": self.samples,
        }


def read_table(path: Path, benchmark: str) -> Table:
    """Read a table that :meth:`Table.write` wrote; raises :class:`BenchmarkError`."""
    try:
        content = read_json(path)
        table = Table(
            content["benchmark"],
            content["source"],
            tuple(Metric(**item) for item in content["metrics"]),
            content["settings"],
            tuple(content["notes"]),
            content["samples"],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = f"{path} is not a table of this benchmark ({type(error).__name__})"
        raise BenchmarkError(message) from None
    if table.benchmark != benchmark:
        message = f"{path} is a table of {table.benchmark}, not of {benchmark}"
        raise BenchmarkError(message)
    return table


def _row(item: Metric) -> tuple[str, str, str, str, str]:
    value = "not measured" if item.value is None else f"{item.value:.4g}"
    bounds = "" if item.low is None or item.high is None else f"{item.low:.3f} to {item.high:.3f}"
    return item.name, value, bounds, str(item.records or ""), item.note
