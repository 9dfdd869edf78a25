"""Roll back to an earlier version that provably never saw the records.

Idea: nothing forgets better than never having learned. If an earlier version of the model was
trained before the records came in, serving it again erases them exactly. The proof is the
version's lineage manifest: every learned file is listed with its bytes and with the records it,
or a file it was built on, was trained on (:mod:`unlearning.lineage`). The version's digest,
recorded when it was registered, says that nobody changed model or manifest since.

The versions are tried in the order given, newest first; the first one that is clean is copied.

Limits: needs an earlier version with a lineage. What was learned after that version is lost, and
the result says how many of the retained records that are.
"""

from __future__ import annotations

import shutil
from dataclasses import field
from pathlib import Path

from pydantic import Field
from pydantic.dataclasses import dataclass

from contract.catalog import Effect
from contract.job import Layout
from contract.manifest import folder_digest
from contract.record import FROZEN
from contract.result import ErrorCode, JobError
from unlearning.division import SHARDS
from unlearning.lineage import Lineage, require_unseen
from unlearning.registry import method
from unlearning.spec import Context, Outcome


@dataclass(frozen=True, config=FROZEN)
class Version:
    """An earlier version: its folder, relative to the job's, and the digest it was registered."""

    path: str
    digest: str


@dataclass(frozen=True, config=FROZEN)
class Settings:
    """The earlier versions that may be served again, newest first."""

    versions: tuple[Version, ...] = field(default_factory=tuple)
    least_served: float = Field(default=0.0, ge=0, le=1)
    """The share of the retained records that the version must know."""


@method(
    title="Roll back to a version that never saw the records",
    effect=Effect.EXACT,
    summary="Serves an earlier version again, after its lineage has shown that it was never "
    "trained on the records; what was learned since is lost.",
    source="by definition; see arXiv 1912.03817 on exact unlearning",
    layouts=("whole", "sharded"),
    needs=("forget", "retain", "versions"),
)
def rollback(context: Context, settings: Settings) -> Outcome:
    """Copy the newest clean version to the output."""
    if not settings.versions:
        message = (
            "rolling back needs earlier versions of the model: name their folders and digests in "
            "the setting versions, newest first"
        )
        raise JobError(ErrorCode.DATA_MISSING, message)
    gone = frozenset(record.id for record in context.records("forget"))
    kept = frozenset(record.id for record in context.records("retain"))
    refusals = []
    for number, version in enumerate(settings.versions, start=1):
        folder = context.folder / version.path
        try:
            served = _served(folder, version, gone) & kept
        except JobError as error:
            refusals.append(f"version {number}: {error.message}")
            continue
        if len(served) < settings.least_served * len(kept):
            refusals.append(f"version {number}: it knows {len(served)} of {len(kept)} records")
            continue
        shutil.copytree(folder, context.output, dirs_exist_ok=True)
        return _outcome(folder, number, len(kept), len(served))
    message = "no earlier version can be proven clean (" + "; ".join(refusals) + ")"
    raise JobError(ErrorCode.NOT_SUPPORTED, message)


def _served(folder: Path, version: Version, gone: frozenset[str]) -> frozenset[str]:
    """Return the records a version was trained on; raises ``JobError`` unless it is clean."""
    try:
        digest = folder_digest(folder)
    except FileNotFoundError as error:
        message = "its folder is missing or empty"
        raise JobError(ErrorCode.MODEL_MISSING, message) from error
    if digest != version.digest:
        message = "its files are not those that were registered"
        raise JobError(ErrorCode.MODEL_CHANGED, message)
    lineage: Lineage = require_unseen(folder, gone)
    return frozenset().union(*(item.records for item in lineage.files.values()))


def _outcome(folder: Path, number: int, kept: int, served: int) -> Outcome:
    layout: Layout = "sharded" if (folder / SHARDS).is_file() else "whole"
    metrics = {"version": number, "records": kept, "records_served": served}
    sentence = f"{kept - served} records of others came after this version and are not served"
    return Outcome(layout, metrics, (sentence,) if served < kept else ())
