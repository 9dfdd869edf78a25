"""Artifacts: folders of files at a URI (local paths and object stores alike), known by digest.

What is fetched is hashed after the copy, so that the bytes used are the bytes that were checked.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fsspec
from django.conf import settings
from django.utils.translation import gettext as _
from fsspec.core import url_to_fs

from contract.manifest import FileEntry, folder_digest, manifest_of
from expunge.common.errors import ConflictError, InvalidInputError, NotFoundError
from expunge.registry.models import DatasetVersion

PROTOCOLS = frozenset({"file", "local", "s3", "gs", "gcs", "abfs", "abfss", "az", "memory"})
"""Stores an artifact may lie in. Plain web addresses and chained URIs are none of them."""


def artifact_fetch(uri: str, digest: str, into: Path) -> None:
    """Copy the artifact into the new folder ``into`` and check its digest.

    Raises:
        NotFoundError: ``artifact_missing``, nothing lies at the URI.
        ConflictError: ``artifact_changed``, its digest is another than registered.
    """
    _copy(uri, into, missing="artifact_missing", thing="model")
    if folder_digest(into) != digest:
        shutil.rmtree(into)
        raise ConflictError(
            "artifact_changed",
            _(
                "The files of this model version are not the ones that were registered. "
                "Restore them, or register them as a new version."
            ),
        )


def artifact_store(folder: Path, name: str) -> str:
    """Copy ``folder`` into the artifact store under ``name``; return its URI.

    Storing the same name again replaces what lay there, so a step can be repeated.
    """
    uri = f"{settings.EXPUNGE_ARTIFACTS_URI.rstrip('/')}/{name}"
    files, path = _filesystem(uri)
    if files.exists(path):
        files.rm(path, recursive=True)
    files.makedirs(path, exist_ok=True)
    files.put(f"{folder}/", f"{path}/", recursive=True)
    return uri


def artifact_remove(uri: str) -> None:
    """Delete a stored artifact, if it is there."""
    files, path = _filesystem(uri)
    if files.exists(path):
        files.rm(path, recursive=True)


def artifact_manifest(uri: str) -> tuple[FileEntry, ...]:
    """List an artifact's files with their digests; raises ``artifact_missing``."""
    with local_folder(uri, missing="artifact_missing", thing="model") as folder:
        return manifest_of(folder)


def dataset_fetch(version: DatasetVersion, into: Path) -> None:
    """Copy a dataset version into the new folder ``into`` and check its digest.

    Raises:
        NotFoundError: ``dataset_missing``, nothing lies at the URI.
        ConflictError: ``dataset_changed``, its digest is another than registered.
    """
    _copy(version.uri, into, missing="dataset_missing", thing="dataset")
    if folder_digest(into) != version.digest:
        shutil.rmtree(into)
        raise ConflictError(
            "dataset_changed",
            _(
                "The files of this dataset version are not the ones that were registered, so it is "
                "not known which records a model learned. Restore them, or register a new version."
            ),
        )


@contextmanager
def local_folder(uri: str, *, missing: str, thing: str) -> Iterator[Path]:
    """Give the artifact as a local folder: in place when it is local, else a passing copy."""
    files, path = _filesystem(uri)
    if "file" in _protocols(files):
        if not _holds_files(files, path):
            raise _missing(missing, thing)
        yield Path(path)
        return
    with tempfile.TemporaryDirectory(prefix="expunge-artifact-") as parent:
        folder = Path(parent) / "artifact"
        _copy(uri, folder, missing=missing, thing=thing)
        yield folder


def _copy(uri: str, into: Path, *, missing: str, thing: str) -> None:
    files, path = _filesystem(uri)
    if not _holds_files(files, path):
        raise _missing(missing, thing)
    into.mkdir(mode=0o700, parents=True)
    try:
        files.get(f"{path.rstrip('/')}/", f"{into}/", recursive=True)
    except FileNotFoundError as error:
        shutil.rmtree(into)
        raise _missing(missing, thing) from error
    except BaseException:
        shutil.rmtree(into, ignore_errors=True)
        raise


def _holds_files(files: Any, path: str) -> bool:
    return bool(files.isdir(path) and files.find(path))


def _missing(code: str, thing: str) -> NotFoundError:
    return NotFoundError(
        code,
        _(
            "The platform finds no files of this %(thing)s at its place. Put them back, or name a "
            "place that the platform can read; then try again."
        )
        % {"thing": thing},
    )


def _filesystem(uri: str) -> tuple[Any, str]:
    protocol = fsspec.core.split_protocol(uri)[0] or "file"
    if "::" in uri or protocol not in PROTOCOLS:
        raise InvalidInputError(
            "uri_not_supported",
            _(
                "Artifacts lie in a folder or in an object store: give a path, or a URI that "
                "starts with s3://, gs:// or abfs://."
            ),
            field="uri",
        )
    files, path = url_to_fs(uri)
    return files, str(path)


def _protocols(files: Any) -> tuple[str, ...]:
    return (files.protocol,) if isinstance(files.protocol, str) else tuple(files.protocol)
