"""The whole search: the database, the platform's folders, Redis, and the sources it names."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings

from expunge.accounts.models import Controller
from expunge.registry.models import DatasetVersion, ScopeNode
from expunge.registry.tree import label_index
from expunge.subjects.proof.database import look_in_database
from expunge.subjects.proof.files import look_at_source, look_in_folder
from expunge.subjects.proof.findings import Findings
from expunge.subjects.proof.needles import Needles
from expunge.subjects.proof.redis_store import look_in_redis

OUT_OF_REACH = (
    "backups of the database and of the folders: rotate out those that are older than the end",
    "mail that was delivered, and what receivers of webhooks and of certificates keep",
    "what a proxy, a terminal or an operating system logs outside of the platform's folders",
    "deleted rows in PostgreSQL's own files until VACUUM and the turnover of its write-ahead log",
    "what models remember: that is measured by verification and said on the certificate",
)


def search(needles: Needles) -> Findings:
    """Look everywhere for the values."""
    findings = Findings()
    look_in_database(needles, findings)
    sources = _sources()
    own = frozenset(path.resolve() for path in sources.values()) | _engines()
    seen: set[Path] = set()
    for folder in _folders():
        if not any(folder.is_relative_to(other) for other in seen):
            look_in_folder(folder, needles, findings, leave_out=own)
            seen.add(folder)
    look_in_redis(needles, findings)
    for name, folder in sources.items():
        look_at_source(folder, name, needles, findings)
    return findings


def indexes_kept(needles: Needles) -> int:
    """Return how many nodes of the trees are still recognised by the blind index of a value.

    They are kept on purpose: by them the suppression ledger notices a person who is brought back.
    """
    indexes = [
        label_index(value, controller_id)
        for controller_id in Controller.objects.values_list("pk", flat=True)
        for value in needles.values
    ]
    return ScopeNode.objects.filter(label_index__in=indexes).count()


def _folders() -> list[Path]:
    """Return the folders in which the platform keeps things, the outer ones first."""
    named = [
        settings.VAR,
        settings.EXPUNGE_ATTEMPTS_DIR,
        settings.EXPUNGE_CERTIFICATES_DIR,
        getattr(settings, "EMAIL_FILE_PATH", None),
        _local(str(settings.EXPUNGE_ARTIFACTS_URI)),
    ]
    folders = {Path(item).resolve() for item in named if item}
    return sorted(folders, key=lambda path: len(path.parts))


def _engines() -> frozenset[Path]:
    """Return what the database and Redis keep, which is looked at through them, and the keys."""
    inside = ("postgres", "redis", "static")
    folders = {(settings.VAR / name).resolve() for name in inside}
    return frozenset(folders | {Path(settings.EXPUNGE_KEYS_DIR).resolve()})


def _sources() -> dict[str, Path]:
    """Return the dataset folders on this machine, by how the registry calls them."""
    found = {}
    for version in DatasetVersion.objects.select_related("dataset__controller"):
        folder = _local(version.uri)
        if folder is not None and folder.exists():
            found[f"{version} of {version.dataset.controller}"] = folder
    return found


def _local(uri: str) -> Path | None:
    parts = urlsplit(uri)
    if parts.scheme in {"", "file", "local"}:
        return Path(parts.path).resolve()
    return None
