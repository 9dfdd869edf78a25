"""``guard.json``: what a folder of the layout ``guard`` is, and that its bytes are the ones made.

A guard changes what a model answers while it is served; the model's weights stay as they are.
That is containment: whoever takes the guard off has every answer back. The file says so, says
which data about persons the folder itself keeps, and lists every other file with its digest.

The list finds any change that its maker did not mean. Against somebody who writes the list anew
pin the folder's digest (``model.digest`` of the job's ``result.json``) where the model is served.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from contract.canonical import digest_json, read_json, write_json
from contract.containment import NOTICE
from contract.manifest import FileEntry, folder_digest, manifest_of
from contract.record import FROZEN

GUARD_FILE = "guard.json"
Kind = Literal["uld", "guard", "alu", "icu"]


class GuardError(ValueError):
    """A guard that cannot be trusted, read or used; the sentence says why."""


@dataclass(frozen=True, config=FROZEN)
class GuardManifest:
    """What the folder holds.

    ``keeps`` are sentences: which data about persons stays in this folder for as long as the guard
    is used. ``fits`` are the numbers that a model must have to be guarded by it. ``digest`` is
    that of the manifest without it.
    """

    kind: Kind
    model_digest: str
    keeps: tuple[str, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)
    fits: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[FileEntry, ...] = ()
    effect: Literal["serve_suppression"] = "serve_suppression"
    notice: str = NOTICE
    digest: str = ""
    schema: Literal["expunge.guard/1"] = "expunge.guard/1"


_MANIFEST: TypeAdapter[GuardManifest] = TypeAdapter(GuardManifest)


def write_guard(folder: Path, manifest: GuardManifest) -> GuardManifest:
    """Write ``guard.json`` over the files that the folder holds; the last thing to be written.

    Only the folder's owner may read it from then on: it keeps data about persons.
    """
    (folder / GUARD_FILE).unlink(missing_ok=True)
    whole = replace(manifest, files=_files(folder), digest="")
    whole = replace(whole, digest=_digest(whole))
    write_json(folder / GUARD_FILE, _MANIFEST.dump_python(whole, mode="json"))
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o700 if path.is_dir() else 0o600)
    return whole


def read_guard(folder: Path, pinned: str | None = None) -> GuardManifest:
    """Read ``guard.json`` and compare every byte of the folder with it.

    ``pinned`` is the digest that the whole folder must have. Raises :class:`GuardError`.
    """
    try:
        manifest = _MANIFEST.validate_python(read_json(folder / GUARD_FILE))
    except FileNotFoundError as error:
        raise GuardError(f"{folder.name} is not a guard: it holds no {GUARD_FILE}") from error
    except (ValidationError, ValueError) as error:
        raise GuardError(f"{GUARD_FILE} is not the description of a guard") from error
    if manifest.digest != _digest(manifest) or manifest.files != _files(folder):
        raise GuardError("the guard was altered after it was made; build or fetch it again")
    if pinned is not None and folder_digest(folder) != pinned:
        raise GuardError("the guard is not the pinned one: its digest differs")
    return manifest


def _files(folder: Path) -> tuple[FileEntry, ...]:
    if not any(item.is_file() for item in folder.rglob("*")):
        return ()
    return tuple(entry for entry in manifest_of(folder) if entry.path != GUARD_FILE)


def _digest(manifest: GuardManifest) -> str:
    return digest_json(_MANIFEST.dump_python(replace(manifest, digest=""), mode="json"))
