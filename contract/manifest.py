"""The digest of a folder: a canonical manifest of its files.

The manifest lists ``{path, size, sha256}`` sorted by path; the digest is SHA-256 of its
RFC 8785 form. File names count, so a swapped pair of shards changes the digest.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass

from contract.canonical import digest_file, digest_json
from contract.record import FROZEN


@dataclass(frozen=True, config=FROZEN)
class FileEntry:
    """One file of a manifest: POSIX path relative to the folder, bytes, ``sha256:<hex>``."""

    path: str
    size: int
    sha256: str


_ENTRIES: TypeAdapter[tuple[FileEntry, ...]] = TypeAdapter(tuple[FileEntry, ...])


def manifest_of(folder: Path) -> tuple[FileEntry, ...]:
    """List every file below ``folder``; raises ``FileNotFoundError`` when there is none."""
    if not folder.is_dir():
        message = f"no folder at {folder.name!r}"
        raise FileNotFoundError(message)
    files = sorted(item for item in folder.rglob("*") if item.is_file())
    if not files:
        message = f"the folder {folder.name!r} holds no files"
        raise FileNotFoundError(message)
    return tuple(
        sorted(
            (
                FileEntry(
                    item.relative_to(folder).as_posix(), item.stat().st_size, digest_file(item)
                )
                for item in files
            ),
            key=lambda entry: entry.path,
        )
    )


def manifest_digest(entries: tuple[FileEntry, ...]) -> str:
    """Return the digest of a manifest."""
    return digest_json(_ENTRIES.dump_python(entries, mode="json"))


def folder_digest(folder: Path) -> str:
    """Return the digest of a folder's manifest."""
    return manifest_digest(manifest_of(folder))
