"""Where finished PDFs lie: a private folder, each file named by its own digest.

Two workers that finish the same certificate write two files, and the log decides which counts.
"""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path
from uuid import UUID

from django.conf import settings


def pdf_store(certificate_id: UUID, pdf: bytes) -> str:
    """Write a PDF durably; returns its name below the certificates' folder."""
    name = f"{certificate_id}/{sha256(pdf).hexdigest()}.pdf"
    path = _path(name)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}")
    temporary.touch(mode=0o600)
    with temporary.open("wb") as handle:
        handle.write(pdf)
        handle.flush()
        os.fsync(handle.fileno())
    temporary.replace(path)
    return name


def pdf_read(name: str) -> bytes:
    """Return a stored PDF; raises ``FileNotFoundError``."""
    return _path(name).read_bytes()


def pdf_keep_only(name: str) -> None:
    """Remove what crashed or slower attempts left beside the PDF that counts."""
    kept = _path(name)
    for path in kept.parent.iterdir():
        if path != kept:
            path.unlink(missing_ok=True)


def _path(name: str) -> Path:
    return Path(settings.EXPUNGE_CERTIFICATES_DIR) / name
