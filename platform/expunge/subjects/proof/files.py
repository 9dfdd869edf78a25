"""Looking through files: text, PDFs with what is attached to them, and archives."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from pypdf import PdfReader
from pypdf.errors import PyPdfError

from expunge.subjects.proof.findings import Findings, Place
from expunge.subjects.proof.needles import Needles

WEIGHTS = frozenset(
    {".bin", ".ckpt", ".gguf", ".h5", ".npy", ".npz", ".onnx", ".pt", ".pth", ".safetensors"}
)
"""Files of numbers. What a model remembers is the affair of verification, not of this search."""
BLOCK = 4_000_000
OVERLAP = 8_192
MOST_DEEP = 3


def look_in_folder(
    folder: Path, needles: Needles, findings: Findings, *, leave_out: frozenset[Path]
) -> None:
    """Look at every file below a folder but for what lies below the ones left out."""
    weights = 0
    for path in _files(folder, leave_out):
        if path.suffix.lower() in WEIGHTS:
            weights += 1
            continue
        try:
            values = needles.in_text(str(path)) | _in_file(path, needles)
        except OSError as error:
            findings.unread.append(f"file {path}: {type(error).__name__}")
            continue
        findings.looked_at["files"] += 1
        findings.note(f"file {_shown(path, needles)}", values)
    if weights:
        findings.unread.append(f"{weights} files of weights below {folder}")


def look_at_source(folder: Path, name: str, needles: Needles, findings: Findings) -> None:
    """Say which values a dataset of the controller's own still holds."""
    found: frozenset[int] = frozenset()
    for path in _files(folder, frozenset()):
        found |= _in_file(path, needles)
    if found:
        findings.sources.append(Place(name, found))


def _files(folder: Path, leave_out: frozenset[Path]) -> Iterator[Path]:
    if folder.resolve() in leave_out or not folder.exists():
        return
    if folder.is_file():
        yield folder
        return
    for path in sorted(folder.iterdir()):
        if path.is_symlink():
            continue
        if path.is_dir():
            yield from _files(path, leave_out)
        elif path.is_file():
            yield path


def _shown(path: Path, needles: Needles) -> str:
    """Return a path; one that itself holds a value is not printed whole."""
    return f"below {path.parent.parent}" if needles.in_text(str(path)) else str(path)


def _in_file(path: Path, needles: Needles) -> frozenset[int]:
    with path.open("rb") as stream:
        return _in_stream(stream, needles, MOST_DEEP)


def _in_stream(stream: IO[bytes], needles: Needles, depth: int) -> frozenset[int]:
    found: frozenset[int] = frozenset()
    head, tail = stream.read(8), b""
    stream.seek(0)
    while block := stream.read(BLOCK):
        found |= needles.in_bytes(tail + block)
        tail = block[-OVERLAP:]
    stream.seek(0)
    return found | _inside(head, stream, needles, depth)


def _inside(head: bytes, stream: IO[bytes], needles: Needles, depth: int) -> frozenset[int]:
    """Look into what a file contains, if it is a container."""
    found: frozenset[int] = frozenset()
    if depth == 0:
        return found
    try:
        for part in _parts(head, stream):
            found |= _in_stream(io.BytesIO(part), needles, depth - 1)
    except (PyPdfError, zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, EOFError, ValueError):
        return found  # it only began like a container; its bytes were looked at
    return found


def _parts(head: bytes, stream: IO[bytes]) -> Iterator[bytes]:
    if head.startswith(b"%PDF-"):
        reader = PdfReader(stream)
        for page in reader.pages:
            yield page.extract_text().encode()
        yield "\n".join(str(value) for value in (reader.metadata or {}).values()).encode()
        for contents in reader.attachments.values():
            yield from contents
    elif head.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(stream) as archive:
            for name in archive.namelist():
                yield name.encode()
                yield archive.read(name)
    elif head.startswith(b"\x1f\x8b"):
        with gzip.open(stream) as plain:
            yield plain.read()
