"""Where finished PDFs lie: a private folder, each file named by its own digest.

Two workers that finish the same certificate write two files, and the log decides which counts.
"""

from __future__ import annotations

import time
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from uuid import UUID

from django.conf import settings

from expunge.common.keyfile import write_private

ABANDONED_SECONDS = 3600


def pdf_store(certificate_id: UUID, pdf: bytes) -> str:
    """Write a PDF durably; returns its name below the certificates' folder."""
    name = f"{certificate_id}/{sha256(pdf).hexdigest()}.pdf"
    path = _path(name)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(path, pdf)
    return name


def pdf_read(name: str) -> bytes:
    """Return a stored PDF; raises ``FileNotFoundError``."""
    return _path(name).read_bytes()


def pdf_keep_only(name: str) -> None:
    """Remove the PDFs that crashed or slower attempts left beside the one that counts.

    A file that somebody is still writing is left alone: its writer finds the certificate issued.
    One that nobody has touched for an hour was left by a process that died.
    """
    kept = _path(name)
    for path in kept.parent.glob("*.pdf"):
        if path != kept:
            path.unlink(missing_ok=True)
    for path in kept.parent.glob(".*.pdf.*"):
        with suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > ABANDONED_SECONDS:
                path.unlink()


def _path(name: str) -> Path:
    return Path(settings.EXPUNGE_CERTIFICATES_DIR) / name
