"""``python -m corpora``: write a dataset folder and print its counts and digest."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from contract.manifest import folder_digest
from corpora.dataset import Dataset, DatasetError, write_dataset
from corpora.hospital import HospitalSettings, generate_hospital
from corpora.tabular import load_table, read_mapping
from corpora.tofu import load_tofu


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the dataset asked for; returns 0, or 1 with a sentence on standard error."""
    options = _parser().parse_args(arguments)
    try:
        dataset = _make(options)
        write_dataset(options.out, dataset)
    except (DatasetError, OSError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)  # noqa: T201 - a command line
        return 1
    summary = {
        "name": dataset.name,
        "counts": dataset.counts(),
        "digest": folder_digest(options.out),
        "assignment": dataset.assignment.digest if dataset.assignment else None,
    }
    print(json.dumps(summary, indent=1))  # noqa: T201 - a command line
    return 0


def _make(options: argparse.Namespace) -> Dataset:
    if options.corpus == "hospital":
        sizes = {item.name: getattr(options, item.name) for item in fields(HospitalSettings)}
        return generate_hospital(HospitalSettings(**sizes), options.seed)
    if options.corpus == "tofu":
        return load_tofu(
            options.path,
            authors=options.authors,
            twins=options.twins,
            public=options.public,
            seed=options.seed,
        )
    mapping = read_mapping(options.mapping)
    return load_table(
        options.source, mapping, name=options.name, share=options.share, seed=options.seed
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m corpora", description=__doc__)
    corpora = parser.add_subparsers(dest="corpus", required=True)
    hospital = corpora.add_parser("hospital", help="a fictitious hospital network")
    for item in fields(HospitalSettings):
        kind = type(item.default)
        hospital.add_argument(f"--{item.name}", type=kind, default=item.default)
    tofu = corpora.add_parser("tofu", help="the TOFU benchmark of fictitious authors")
    tofu.add_argument("path", type=Path, help="the folder that holds full.json")
    for name, default in (("authors", 20), ("twins", 20), ("public", 0)):
        tofu.add_argument(f"--{name}", type=int, default=default)
    table = corpora.add_parser("table", help="any table, by a column mapping")
    table.add_argument("source", help="a .jsonl, .json or .parquet file, or hub:owner/name[:file]")
    table.add_argument("--mapping", type=Path, required=True, help="a JSON file of columns")
    table.add_argument("--name", default="table")
    table.add_argument("--share", type=float, default=0.5, help="share of subjects trained on")
    for command in (hospital, tofu, table):
        command.add_argument("out", type=Path, help="the dataset folder to write")
        command.add_argument("--seed", type=int, default=0)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
