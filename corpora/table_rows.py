"""Rows of a local table (JSON lines, JSON or Parquet) and tables of a dataset hub.

Rows are numbered from 1. Errors name a file, a row number or a column, never a value.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from corpora.dataset import DatasetError

Row = Mapping[str, Any]
SUFFIXES = (".jsonl", ".json", ".parquet")


def read_rows(path: Path, columns: frozenset[str]) -> Iterator[tuple[int, Row]]:
    """Yield ``(row number, row)``; of a Parquet file only ``columns`` are read, in batches.

    Raises :class:`DatasetError` for a missing or empty file, an unknown format, a row that is
    no object and a missing column. A ``.json`` file is a list, or else read as JSON lines.
    """
    if not path.is_file():
        message = f"there is no file {path.name!r}"
        raise DatasetError(message)
    if path.stat().st_size == 0:
        message = f"{path.name} is empty"
        raise DatasetError(message)
    if path.suffix not in SUFFIXES:
        message = f"{path.name} is not one of: {', '.join(SUFFIXES)}"
        raise DatasetError(message)
    rows = _parquet(path, columns) if path.suffix == ".parquet" else _json(path)
    count = 0
    for count, row in enumerate(rows, start=1):
        if not isinstance(row, Mapping):
            message = f"{path.name}, row {count}: not an object"
            raise DatasetError(message)
        missing = sorted(columns - row.keys())
        if missing:
            message = f"{path.name}, row {count}: no column {missing[0]!r}"
            raise DatasetError(message)
        yield count, row
    if count == 0:
        message = f"{path.name} is empty"
        raise DatasetError(message)


def download_table(dataset_id: str, file: str | None = None) -> Path:
    """Download one table of a Hugging Face dataset and return its local path.

    ``file`` may be left out when the dataset has a single table. Raises
    :class:`DatasetError` when huggingface_hub is not installed or the hub cannot be reached.
    """
    try:
        import huggingface_hub as hub  # noqa: PLC0415 - an optional extra
    except ImportError as error:
        message = "to read a hub dataset, install the extra: pip install 'expunge[remote]'"
        raise DatasetError(message) from error
    try:
        if file is None:
            file = _only_table(hub.HfApi().list_repo_files(dataset_id, repo_type="dataset"))
        return Path(hub.hf_hub_download(dataset_id, file, repo_type="dataset"))
    except DatasetError:
        raise
    except Exception as error:
        # The hub's client raises its own, its transport's and the system's errors alike.
        message = (
            f"the hub dataset {dataset_id!r} could not be read ({type(error).__name__}): "
            "check its name and the network, or give a local file"
        )
        raise DatasetError(message) from error


def _only_table(files: list[str]) -> str:
    tables = [name for name in files if name.endswith((".jsonl", ".parquet"))]
    if len(tables) != 1:
        message = f"the hub dataset has {len(tables)} tables: name one of its files"
        raise DatasetError(message)
    return tables[0]


def _parquet(path: Path, columns: frozenset[str]) -> Iterator[Any]:
    try:
        with pq.ParquetFile(path) as table:
            present = set(table.schema_arrow.names)
            missing = sorted(columns - present)
            if missing:
                message = f"{path.name} has no column {missing[0]!r}"
                raise DatasetError(message)
            for batch in table.iter_batches(columns=sorted(columns)):
                yield from batch.to_pylist()
    except pa.ArrowException as error:
        message = f"{path.name} is not a readable Parquet file"
        raise DatasetError(message) from error


def _json(path: Path) -> Iterator[Any]:
    with path.open(encoding="utf-8") as handle:
        if path.suffix == ".json" and handle.read(4096).lstrip().startswith("["):
            handle.seek(0)
            yield from _parse(handle.read(), f"{path.name} is not valid JSON")
            return
        handle.seek(0)
        number = 0
        for line in handle:
            if line.strip():
                number += 1
                yield _parse(line, f"{path.name}, row {number}: not valid JSON")


def _parse(text: str, complaint: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        # The parser's own error would quote the text.
        raise DatasetError(complaint) from None
