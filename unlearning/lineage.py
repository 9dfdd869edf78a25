"""Which records each file of a trained model was trained on: the proof that exact routes rest on.

``lineage.json`` lies in the model's folder, so the model's digest covers it. It lists every file
that carries anything learned (weights, checkpoints, tokenizer) with the digest of its bytes, the
ids of the records it was trained on, a digest of their texts in the order of training, and the
files it was built on. A file has seen a record when it, or a file it was built on, was trained on
it. The list is true because the trainer wrote it; that nobody changed the folder since then is
what the model's registered digest says. What a base from elsewhere was trained on before, no list
here can say.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path

from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass

from contract.canonical import digest_file, digest_json, read_json, write_json
from contract.record import FROZEN, Record, record_to_json
from contract.result import ErrorCode, JobError

LINEAGE = "lineage.json"
WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".gguf")
VOCABULARIES = ("tokenizer.json", "vocab.json", "vocab.txt", "merges.txt", ".model")
"""How the names of files end that carry something learned from texts."""


@dataclass(frozen=True, config=FROZEN)
class Origin:
    """Where a file came from: its bytes, the records it was trained on, and what it stands on."""

    sha256: str
    records: tuple[str, ...] = ()
    texts: str | None = None
    built_on: tuple[str, ...] = ()


@dataclass(frozen=True, config=FROZEN)
class Lineage:
    """The origin of every learned file of a model, by its path in the folder."""

    files: Mapping[str, Origin] = field(default_factory=dict)

    def seen(self, path: str) -> frozenset[str]:
        """Return the ids of the records that a file has seen; raises ``KeyError``."""
        found: set[str] = set()
        open_, done = [path], set()
        while open_:
            name = open_.pop()
            if name not in done:
                done.add(name)
                found.update(self.files[name].records)
                open_.extend(self.files[name].built_on)
        return frozenset(found)


_LINEAGE: TypeAdapter[Lineage] = TypeAdapter(Lineage)


def texts_digest(records: Sequence[Record]) -> str:
    """Return the digest of the records' texts, in order."""
    return digest_json([record_to_json(record) for record in records])


def learned_files(folder: Path) -> tuple[str, ...]:
    """Return the paths of the files that carry something learned."""
    return tuple(
        sorted(
            item.relative_to(folder).as_posix()
            for item in folder.rglob("*")
            if item.is_file() and item.name.endswith((*WEIGHTS, *VOCABULARIES))
        )
    )


def origin(
    folder: Path,
    path: str,
    records: Sequence[Record],
    built_on: Iterable[str] = (),
    inherited: Iterable[str] = (),
) -> Origin:
    """Return the origin of a file that was just written.

    ``inherited`` are ids that the weights it was trained on from had seen.
    """
    ids = (*sorted(inherited), *(record.id for record in records))
    return Origin(digest_file(folder / path), ids, texts_digest(records), tuple(built_on))


def base_origins(folder: Path, under: str) -> dict[str, Origin]:
    """Return the origins of a base model's files, once it lies in the folder ``under``.

    A base without a lineage was trained elsewhere, on none of the records that have ids here.
    """
    if (folder / LINEAGE).is_file():
        return {
            f"{under}/{path}": replace(item, built_on=tuple(f"{under}/{x}" for x in item.built_on))
            for path, item in read_lineage(folder).files.items()
        }
    return {f"{under}/{path}": Origin(digest_file(folder / path)) for path in learned_files(folder)}


def write_lineage(folder: Path, files: Mapping[str, Origin]) -> None:
    """Write ``lineage.json`` with the files that are there, sorted by path."""
    there = {path: files[path] for path in sorted(files) if (folder / path).is_file()}
    write_json(folder / LINEAGE, _LINEAGE.dump_python(Lineage(there), mode="json"))


def read_lineage(folder: Path) -> Lineage:
    """Read ``lineage.json``; raises ``NOT_SUPPORTED`` when there is none to be read."""
    try:
        return _LINEAGE.validate_python(read_json(folder / LINEAGE))
    except (OSError, ValueError) as error:
        message = (
            f"the model has no readable {LINEAGE}, so nothing says which records it was trained "
            "on; only models trained here since lineages are written can be proven clean"
        )
        raise JobError(ErrorCode.NOT_SUPPORTED, message) from error


def require_unseen(folder: Path, records: Collection[str]) -> Lineage:
    """Raise ``BAD_JOB`` unless the lineage shows that nothing in a folder has seen the records.

    Every learned file must be listed with the bytes it has, and stand on listed files alone.
    """
    lineage = read_lineage(folder)
    gone = frozenset(records)
    for path in learned_files(folder):
        if path not in lineage.files:
            message = f"the lineage does not list {path}: what it was trained on is not known"
            raise JobError(ErrorCode.BAD_JOB, message)
        if lineage.files[path].sha256 != digest_file(folder / path):
            message = f"the bytes of {path} are not those that the lineage lists"
            raise JobError(ErrorCode.BAD_JOB, message)
        try:
            held = lineage.seen(path) & gone
        except KeyError as error:
            message = f"{path} stands on a file that the lineage does not list"
            raise JobError(ErrorCode.BAD_JOB, message) from error
        if held:
            message = f"{path} was trained on {len(held)} of the records to forget"
            raise JobError(ErrorCode.BAD_JOB, message)
    return lineage
