"""What the folders are filled from: the datasets that a model version holds, split for each job."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

from django.db.models import QuerySet
from pydantic import TypeAdapter

from contract.canonical import read_json
from contract.job import Recipe
from contract.record import Record
from contract.result import ErrorCode
from corpora.dataset import Dataset as Corpus
from corpora.dataset import read_dataset
from expunge.jobs.failures import AttemptFailed
from expunge.jobs.models import ErasureJob
from expunge.jobs.scopes import job_held, job_scope
from expunge.jobs.splits import Scope, Source, Splits, split
from expunge.registry.artifacts import dataset_fetch
from expunge.registry.models import Dataset, DatasetVersion, ModelVersion, ScopeNode
from expunge.registry.models import Record as StoredRecord
from expunge.registry.selectors import records_held, records_in_scope

_RECIPE: TypeAdapter[Recipe] = TypeAdapter(Recipe)


@dataclass(frozen=True)
class Dealt:
    """Splits, the depth of a data subject in their dataset, and the forms that were trained on."""

    splits: Splits
    subject_level: int
    forms: tuple[str, ...]


class Material:
    """The records of one model version; ``model`` is its folder, ``scratch`` a place for copies.

    Each dataset version is read once, whoever asks.
    """

    def __init__(self, version: ModelVersion, model: Path, scratch: Path) -> None:
        self.recipe: Recipe = _RECIPE.validate_python(version.recipe)
        self._version = version
        self._model = model
        self._scratch = scratch
        self._read: dict[UUID, Corpus] = {}

    def splits(
        self, job: ErasureJob, *, along: Collection[str] = (), held_by: ModelVersion | None = None
    ) -> Dealt:
        """Return the splits for a job.

        ``along`` are records of others that go in the same run. ``held_by`` is a later version
        that is examined in place of what the run makes: nothing is judged by what only one of
        the two holds, and who was trained on later is no control.

        Raises:
            AttemptFailed: The model holds nothing of the scope, or it cannot be told apart.
        """
        nodes = job_scope(job)
        held = job_held(job, self._version)
        inside = held.filter(pk__in=records_in_scope(nodes).values("pk"))
        dataset = _only_dataset(inside)
        scopes = scopes_in(nodes, dataset)
        apart: frozenset[str] = frozenset(along)
        if held_by is not None:
            later = job_held(job, held_by)
            apart |= keys(held) ^ keys(later)
            held |= later
        sources = self._sources(held)
        _check_ids(sources.values())
        found = split(
            scoped=sources[dataset.pk],
            others=[source for pk, source in sources.items() if pk != dataset.pk],
            scopes=scopes,
            forms=self.recipe.forms,
            served=self._served_with(scopes),
            along=apart,
        )
        if held_by is not None:
            found = replace(found, lineage=self._listed(held_by))
        return Dealt(found, dataset.subject_level, self.recipe.forms)

    def _listed(self, version: ModelVersion) -> tuple[Record, ...]:
        """Return every record that a version was trained on, as the registry has it."""
        sources = self._sources(records_held(version)).values()
        return tuple(item for source in sources for item in (*source.trained(), *source.public()))

    def _served_with(self, scopes: Sequence[Scope]) -> frozenset[str] | None:
        """Return the ids of the records in the shards of the scope; ``None`` for a whole model."""
        if self._version.layout != "sharded":
            return None
        named = frozenset().union(*(scope.keys for scope in scopes))
        listed = read_json(self._model / "shards.json")["shards"].values()
        shards = (frozenset(ids) for ids in listed)
        return frozenset().union(*(shard for shard in shards if shard & named))

    def _sources(self, held: QuerySet[StoredRecord]) -> dict[UUID, Source]:
        """Return what is held of each dataset; a record's newest version counts."""
        sources: dict[UUID, Source] = {}
        versions = DatasetVersion.objects.filter(pk__in=held.order_by().values("version"))
        for version in versions.select_related("dataset").order_by("number"):
            newer = Source(self._corpus(version), keys(held.filter(version=version)))
            older = sources.get(version.dataset_id)
            sources[version.dataset_id] = newer if older is None else older.updated_by(newer)
        return sources

    def _corpus(self, version: DatasetVersion) -> Corpus:
        if version.pk not in self._read:
            into = self._scratch / "dataset"
            shutil.rmtree(into, ignore_errors=True)
            dataset_fetch(version, into)
            try:
                self._read[version.pk] = read_dataset(into)
            finally:
                shutil.rmtree(into)
        return self._read[version.pk]


def scope_keys(job: ErasureJob, version: ModelVersion) -> frozenset[str]:
    """Return the ids of the records that a job takes out of a version."""
    inside = records_in_scope(job_scope(job)).values("pk")
    return keys(job_held(job, version).filter(pk__in=inside))


def scopes_in(nodes: Iterable[ScopeNode], dataset: Dataset) -> tuple[Scope, ...]:
    """Return the nodes of one dataset, with their depths and the keys of their records."""
    return tuple(
        Scope(node.depth, keys(records_in_scope([node])))
        for node in nodes
        if node.dataset_id == dataset.pk
    )


def keys(records: QuerySet[StoredRecord]) -> frozenset[str]:
    """Return the keys of records."""
    return frozenset(records.order_by().values_list("key", flat=True))


def _only_dataset(inside: QuerySet[StoredRecord]) -> Dataset:
    found = Dataset.objects.filter(versions__in=inside.order_by().values("version")).distinct()
    if found.count() > 1:
        raise AttemptFailed(
            ErrorCode.NOT_SUPPORTED,
            "The scope touches several datasets of this model. File one ticket for each.",
        )
    dataset = found.first()
    if dataset is None:
        raise AttemptFailed(
            ErrorCode.EMPTY_FORGET_SET,
            "The model holds no record of the ticket's scope; there is nothing to forget.",
        )
    return dataset


def _check_ids(sources: Iterable[Source]) -> None:
    seen: set[str] = set()
    for source in sources:
        if seen & source.held:
            raise AttemptFailed(
                ErrorCode.NOT_SUPPORTED,
                "Two datasets of this model use the same record ids; it cannot be told which "
                "records were trained. Register them with ids of their own.",
            )
        seen |= source.held
