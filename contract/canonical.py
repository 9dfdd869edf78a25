"""Canonical JSON (RFC 8785) and digests of it.

Every digest in the project is SHA-256, written as ``sha256:<64 hex digits>``.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import rfc8785

PREFIX = "sha256:"


def canonical(value: Any) -> bytes:
    """Serialise JSON-like data to RFC 8785 bytes; NaN and infinities raise ``ValueError``."""
    return rfc8785.dumps(value)


def digest_bytes(data: bytes) -> str:
    """Return ``sha256:<hex>`` of the bytes."""
    return PREFIX + hashlib.sha256(data).hexdigest()


def digest_json(value: Any) -> str:
    """Return the digest of the canonical JSON of ``value``."""
    return digest_bytes(canonical(value))


def digest_file(path: Path) -> str:
    """Return the digest of a file's bytes, read in pieces."""
    with path.open("rb") as handle:
        return PREFIX + hashlib.file_digest(handle, "sha256").hexdigest()


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically: a reader sees the old file or the new one, never half of one.

    Raises ``ValueError`` for NaN and infinities: "not measured" is a status, not a number.
    """
    text = json.dumps(value, allow_nan=False, ensure_ascii=False, indent=1)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with temporary.open("w", encoding="utf-8") as handle:
        handle.write(text + "\n")
        handle.flush()
        os.fsync(handle.fileno())
    temporary.replace(path)


def read_json(path: Path) -> Any:
    """Read a JSON file; the constants NaN and Infinity are refused with ``ValueError``."""

    def refuse(constant: str) -> None:
        message = f"{path.name} holds {constant}, which is not JSON"
        raise ValueError(message)

    return json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)
