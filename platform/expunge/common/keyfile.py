"""Secrets kept in files that only their owner can read. Imports no Django: settings use it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4


def write_private(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, durably, for its owner alone.

    Two writers may hold the same bytes at once: each has a file of its own until it is whole.
    """
    partial = path.with_name(f".{path.name}.{uuid4().hex}")
    partial.touch(mode=0o600)
    with partial.open("wb") as handle:
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())
    partial.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the name, too, outlives a loss of power
    finally:
        os.close(folder)


def read_or_create(path: Path, make: Callable[[], str]) -> str:
    """Return the secret in ``path``; make it first, with mode 0600, when there is none.

    Two processes that start together agree: only one of them creates the file.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    if not path.exists():
        temporary.touch(mode=0o600)
        temporary.write_text(make(), encoding="utf-8")
        try:
            os.link(temporary, path)
        except FileExistsError:
            pass
        finally:
            temporary.unlink()
    return path.read_text(encoding="utf-8").strip()
