"""A model as what is different from another: only the changed tensors, and a manifest.

``delta.safetensors`` holds the tensors that changed or are new; ``delta.json`` says which folder
they change (its digest), which tensors each file of the result has, and the digest of every one.
Applied to the same base, the delta gives the same tensors, bit by bit, or an error.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Literal

import torch
from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from contract.canonical import digest_file, read_json, write_json
from contract.manifest import folder_digest
from contract.record import FROZEN
from contract.result import ErrorCode, JobError

TENSORS_FILE, MANIFEST_FILE, FILES = "delta.safetensors", "delta.json", "files"
WEIGHTS = "*.safetensors"


@dataclass(frozen=True, config=FROZEN)
class Delta:
    """The manifest of a delta.

    ``base`` and ``result`` are the digests of the folders before and after. ``weights`` maps each
    weight file of the result to its tensors and their digests; ``changed`` are those that
    ``delta.safetensors`` holds. ``files`` maps every other file to its digest.
    """

    base: str
    result: str
    changed: tuple[str, ...]
    weights: Mapping[str, Mapping[str, str]]
    files: Mapping[str, str]
    metadata: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    schema: Literal["expunge.delta/1"] = "expunge.delta/1"


_ADAPTER: TypeAdapter[Delta] = TypeAdapter(Delta)


def write_delta(base: Path, result: Path, target: Path) -> Delta:
    """Write into the new folder ``target`` what ``result`` has and ``base`` has not."""
    before = {name: value for items in _digests(base).values() for name, value in items.items()}
    weights = _digests(result)
    changed: dict[str, Tensor] = {}
    metadata: dict[str, dict[str, str]] = {}
    for file, items in weights.items():
        with safe_open(str(result / file), "pt") as opened:
            metadata[file] = dict(opened.metadata() or {})
            wanted = [name for name, value in items.items() if before.get(name) != value]
            changed |= {name: opened.get_tensor(name) for name in wanted}
    target.mkdir(parents=True)
    files = _others(result)
    for file, value in files.items():
        if not (base / file).is_file() or digest_file(base / file) != value:
            (target / FILES / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(result / file, target / FILES / file)
    save_file(changed, str(target / TENSORS_FILE))
    delta = Delta(
        folder_digest(base),
        folder_digest(result),
        tuple(sorted(changed)),
        weights,
        files,
        metadata,
    )
    write_json(target / MANIFEST_FILE, _ADAPTER.dump_python(delta, mode="json"))
    return delta


def read_delta(folder: Path) -> Delta:
    """Read the manifest of a delta; raises ``MODEL_MISSING``."""
    try:
        return _ADAPTER.validate_python(read_json(folder / MANIFEST_FILE))
    except (OSError, ValueError, ValidationError) as error:
        message = f"the folder holds no readable {MANIFEST_FILE}"
        raise JobError(ErrorCode.MODEL_MISSING, message) from error


def apply_delta(base: Path, folder: Path, target: Path) -> Delta:
    """Write into the new folder ``target`` the model that the delta makes of its base.

    Raises ``MODEL_CHANGED`` when the base is another one, or a tensor or file is not what the
    manifest says; nothing is left behind then.
    """
    delta = read_delta(folder)
    if target.exists():
        message = f"{target.name} is there already; name a new folder for the model"
        raise JobError(ErrorCode.BAD_JOB, message)
    if not base.is_dir() or not any(base.iterdir()) or folder_digest(base) != delta.base:
        message = "the delta belongs to another base model: the digest of the folder differs"
        raise JobError(ErrorCode.MODEL_CHANGED, message)
    partial = target.with_name(f".{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        if not _rebuilt(base, folder, delta, partial):
            message = "the delta does not give what its manifest says; its files were changed"
            raise JobError(ErrorCode.MODEL_CHANGED, message)
        partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return delta


def _rebuilt(base: Path, folder: Path, delta: Delta, target: Path) -> bool:
    """Write the model, and say whether it is the one of the manifest."""
    try:
        _rebuild(base, folder, delta, target)
    except (FileNotFoundError, KeyError, SafetensorError):
        return False
    return _digests(target) == delta.weights and _others(target) == delta.files


def _rebuild(base: Path, folder: Path, delta: Delta, target: Path) -> None:
    for file in delta.files:
        own = folder / FILES / file
        (target / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(own if own.is_file() else base / file, target / file)
    place = {name: base / file for file, items in _digests(base).items() for name in items}
    place |= dict.fromkeys(delta.changed, folder / TENSORS_FILE)
    for file, items in delta.weights.items():
        found: dict[str, Tensor] = {}
        for path in {place[name] for name in items}:
            with safe_open(str(path), "pt") as opened:
                found |= {name: opened.get_tensor(name) for name in items if place[name] == path}
        save_file(found, str(target / file), metadata=dict(delta.metadata.get(file, {})) or None)


def _others(folder: Path) -> dict[str, str]:
    found = sorted(item for item in folder.rglob("*") if item.is_file())
    return {
        item.relative_to(folder).as_posix(): digest_file(item)
        for item in found
        if item.suffix != ".safetensors"
    }


def _digests(folder: Path) -> dict[str, dict[str, str]]:
    """Return the digest of every tensor, by file and name."""
    found: dict[str, dict[str, str]] = {}
    for path in sorted(folder.rglob(WEIGHTS)):
        with safe_open(str(path), "pt") as opened:
            found[path.relative_to(folder).as_posix()] = {
                name: _digest(opened.get_tensor(name))
                for name in opened.keys()  # noqa: SIM118 - it is no mapping
            }
    return found


def _digest(tensor: Tensor) -> str:
    kind = f"{tensor.dtype} {tuple(tensor.shape)} ".encode()
    content = tensor.contiguous().reshape(-1).view(torch.uint8).numpy()
    return "sha256:" + hashlib.sha256(kind + content.tobytes()).hexdigest()
