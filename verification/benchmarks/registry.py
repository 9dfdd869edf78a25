"""The registry of benchmarks: one decorated function per file, found by ``pkgutil``."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import verification.benchmarks
from verification.benchmarks.exam import Exam
from verification.benchmarks.source import Source
from verification.benchmarks.table import BenchmarkError, Table


def _unopened(path: Path) -> Exam:
    message = f"no way of opening {path} was given"
    raise BenchmarkError(message)


@dataclass(frozen=True)
class Options:
    """What a run may be given besides the model and the data.

    ``reference``: a log or table of a model that never saw the forget set. ``original``: the
    model before unlearning. ``split``: which forget set, where a benchmark has several.
    ``corpus``: a published constant to compare with, by name. ``series``: models unlearned one
    after the other, by the name of the criterion that reads them. ``log``: where to write the
    run in the benchmark's own log format. ``open`` loads a further model.
    """

    reference: Path | None = None
    original: Path | None = None
    split: str = ""
    corpus: str = ""
    series: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    log: Path | None = None
    open: Callable[[Path], Exam] = _unopened


Run = Callable[[Exam, Source, Options], Table]


@dataclass(frozen=True)
class Benchmark:
    """An adapter: its name, what it measures, where it is from, and the function that runs it."""

    name: str
    title: str
    source: str
    hub: str
    parts: Mapping[str, tuple[str, str]]
    run: Run


def benchmark(
    *, title: str, source: str, hub: str, parts: Mapping[str, tuple[str, str]]
) -> Callable[[Run], Benchmark]:
    """Turn ``function(exam, source, options)`` into a benchmark named after its file.

    ``hub`` is the data set's id on the Hugging Face hub, ``parts`` maps the names of its parts
    in the local layout to (configuration, split) there.
    """

    def register(function: Run) -> Benchmark:
        name = function.__module__.rpartition(".")[2]
        return Benchmark(name, title, source, hub, parts, function)

    return register


@cache
def benchmarks() -> Mapping[str, Benchmark]:
    """Import every file of this package and return its benchmarks by name."""
    found: dict[str, Benchmark] = {}
    path, prefix = verification.benchmarks.__path__, "verification.benchmarks."
    for info in pkgutil.iter_modules(path, prefix):
        module = importlib.import_module(info.name)
        found.update(
            {item.name: item for item in vars(module).values() if isinstance(item, Benchmark)}
        )
    return dict(sorted(found.items()))
