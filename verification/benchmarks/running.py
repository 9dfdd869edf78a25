"""Run a benchmark from Python or from the command line.

``python -m verification benchmark NAME --model PATH --data PATH [--reference LOG]``
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from contract.job import Device
from contract.result import JobError
from verification.benchmarks.exam import Exam
from verification.benchmarks.registry import Benchmark, Options, benchmarks
from verification.benchmarks.source import HUB_PREFIX, Folder, Hub, Source
from verification.benchmarks.table import BenchmarkError, Table
from verification.families import device_for
from verification.families.causal_lm import load
from verification.signals import NotFiniteError


def run_benchmark(  # noqa: PLR0913 - what a run may be given; all but three have defaults
    name: str,
    *,
    model: str | Path,
    data: str | Path = "hub",
    reference: str | Path | None = None,
    original: str | Path | None = None,
    template: str = "auto",
    limit: int | None = None,
    device: Device = "auto",
    split: str = "",
    corpus: str = "",
    series: Mapping[str, Sequence[str | Path]] | None = None,
    log: str | Path | None = None,
) -> Table:
    """Run a benchmark on a local transformers model and return its table.

    ``data`` is a folder (or file) in the published layout, or ``"hub"`` to read the data set by
    its hub id with the package ``datasets``. ``reference`` is the log or table of a model that
    never saw the forget set; ``original`` the model before unlearning. See
    :class:`~verification.benchmarks.registry.Options` for the others.

    Raises:
        BenchmarkError: for an unknown name, data that is not there or not in the layout, a model
            that cannot be read, or one that answers with something other than numbers.
    """
    chosen = find(name)
    source = _source(chosen, data)

    def opened(path: Path) -> Exam:
        try:
            loaded = load(path, key=str(path.resolve()), device=device_for(device))
        except JobError as error:
            message = f"{path}: {error.message}"
            raise BenchmarkError(message) from error
        return Exam(loaded, template=template, limit=limit)

    options = Options(
        reference=_path(reference),
        original=_path(original),
        split=split,
        corpus=corpus,
        series={key: tuple(map(Path, paths)) for key, paths in (series or {}).items()},
        log=_path(log),
        open=opened,
    )
    exam = opened(Path(model))
    try:
        table = chosen.run(exam, source, options)
    except (NotFiniteError, JobError) as error:
        message = f"{model}: {error}"
        raise BenchmarkError(message) from error
    settings: dict[str, Any] = {
        "model": str(model),
        "template": "chat" if exam.chat else exam.template,
        "limit": limit,
        **table.settings,
        "forward passes": exam.signals.forward_passes,
        "tokens read and written": exam.signals.tokens,
        "prompts cut to the context": exam.signals.cut or None,
    }
    said = {key: value for key, value in settings.items() if value is not None}
    return replace(table, settings=said)


def find(name: str) -> Benchmark:
    """Return a benchmark by name; raises :class:`BenchmarkError` naming those there are."""
    known = benchmarks()
    if name not in known:
        message = f"there is no benchmark {name!r}; known are {', '.join(known)}"
        raise BenchmarkError(message)
    return known[name]


def _source(chosen: Benchmark, data: str | Path) -> Source:
    text = str(data)
    if text == "hub" or text.startswith(HUB_PREFIX):
        return Hub(text.removeprefix("hub").removeprefix(":") or chosen.hub, chosen.parts)
    path = Path(data)
    if not path.exists():
        message = f"{path} does not exist; give the folder that holds {chosen.name}'s files"
        raise BenchmarkError(message)
    return Folder(path)


def _path(value: str | Path | None) -> Path | None:
    return None if value is None else Path(value)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line of ``benchmark``."""
    parser.add_argument("name", help=", ".join(benchmarks()))
    parser.add_argument("--model", required=True, help="a transformers folder")
    parser.add_argument("--data", required=True, help="the benchmark's files, or hub[:ID]")
    parser.add_argument("--reference", help="log or table of a model without the forget set")
    parser.add_argument("--original", help="the model before unlearning")
    parser.add_argument("--template", default="auto", help="auto, chat, tofu, llama2 or bare")
    parser.add_argument("--limit", type=int, help="ask only the first so many rows of a part")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--split", default="", help="which forget set or part")
    parser.add_argument("--corpus", default="", help="MUSE: news or books, for its constant")
    parser.add_argument(
        "--series",
        action="append",
        nargs="+",
        default=[],
        metavar="CRITERION PATH",
        help="MUSE: scalability or sustainability, then the models in order",
    )
    parser.add_argument("--log", help="write TOFU's own log to this file")
    parser.add_argument("--out", type=Path, help="write the table as JSON to this file")


def command(arguments: argparse.Namespace) -> int:
    """Run what the command line says and print the table; returns the exit code."""
    given = {key: value for key, value in vars(arguments).items() if key not in {"out", "command"}}
    given["series"] = {name: paths for name, *paths in given["series"]}
    try:
        table = run_benchmark(given.pop("name"), **given)
        if arguments.out is not None:
            table.write(arguments.out)
    except (BenchmarkError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(table.text() + "\n")
    return 0
