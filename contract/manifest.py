"""The digest of a folder: a canonical manifest of its files.

The manifest lists ``{path, size, sha256}`` sorted by path; the digest is SHA-256 of its
RFC 8785 form. File names count, so a swapped pair of shards changes the digest.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass

from contract.canonical import digest_file, digest_json, read_json
from contract.record import FROZEN

ADAPTER_FILE = "adapter_config.json"


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


def model_digest(folder: Path) -> str:
    """Return the digest of a model's folder, with that of the base an adapter stands on.

    An adapter alone says nothing about the model it is a part of.
    """
    own, base = folder_digest(folder), adapter_base(folder)
    if base is None or base.is_relative_to(folder):
        return own
    return digest_json({"adapter": own, "base": folder_digest(base)})


def adapter_base(folder: Path) -> Path | None:
    """Return the local folder that an adapter names as its base, absolute or beside it."""
    try:
        named = read_json(folder / ADAPTER_FILE)["base_model_name_or_path"]
    except (OSError, ValueError, KeyError):
        return None
    found = (folder / str(named)).resolve()
    return found if named and found.is_dir() else None
