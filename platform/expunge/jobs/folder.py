"""The folder of an attempt: models, records and the two job folders; gone when the attempt ends.

::

    <attempt id>/            mode 0700
        run.lock             held by whoever works here
        original/            the model as registered, digest checked
        unlearn/             job.json, data/, later output/, result.json, events.jsonl
        verify/              job.json, data/, preregistration.json, later report.json, events.jsonl
        output.log  tmp/     what the libraries print and leave behind
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from pydantic import TypeAdapter

from contract.canonical import read_json
from contract.catalog import Effect
from contract.job import (
    ModelRef,
    Recipe,
    UnlearningData,
    UnlearningJob,
    VerificationData,
    VerificationJob,
    read_job,
    write_job,
)
from contract.record import Record, write_records
from contract.result import ErrorCode, Result
from corpora.dataset import Dataset as Corpus
from corpora.dataset import read_dataset
from expunge.jobs.configuration import configuration
from expunge.jobs.failures import AttemptFailed
from expunge.jobs.locks import RunLock
from expunge.jobs.models import Attempt
from expunge.jobs.planner import Rung, ladder_for
from expunge.jobs.services import scope_of
from expunge.jobs.splits import Scope, Source, Splits, split
from expunge.jobs.states import ATTEMPT_OVER
from expunge.registry.artifacts import artifact_fetch, dataset_fetch
from expunge.registry.models import Dataset, DatasetVersion
from expunge.registry.models import Record as StoredRecord
from expunge.registry.selectors import records_held, records_in_scope

ORIGINAL, UNLEARN, VERIFY, DATA, READY = "original", "unlearn", "verify", "data", "ready"
_RECIPE: TypeAdapter[Recipe] = TypeAdapter(Recipe)
_MODEL: TypeAdapter[ModelRef] = TypeAdapter(ModelRef)


def attempt_path(attempt_id: UUID) -> Path:
    """Return where the folder of an attempt lies."""
    return configuration().attempts / str(attempt_id)


def run_lock(attempt_id: UUID) -> RunLock:
    """Return the lock of an attempt's folder."""
    return RunLock(attempt_path(attempt_id) / "run.lock")


def folder_build(attempt: Attempt) -> Path:
    """Fill the attempt's folder, unless an earlier holder of the lease did so; return it.

    Raises :class:`AttemptFailed` or a ``DomainError`` when the input is not what was registered.
    """
    home = attempt_path(attempt.pk)
    if (home / READY).exists():
        return home
    _clear(home)
    home.chmod(0o700)
    original = attempt.job.original
    artifact_fetch(original.uri, original.digest, home / ORIGINAL)
    recipe = _RECIPE.validate_python(original.recipe)
    splits, subject_level = _splits(attempt, home, recipe)
    model = _MODEL.validate_python(
        {
            "path": f"../{ORIGINAL}",
            "digest": original.digest,
            "family": original.model.family,
            "layout": original.layout,
        }
    )
    rung = _rung(attempt)
    unlearning = UnlearningJob(
        method=attempt.method,
        # What is trained anew draws its own start: the old one led to the weights that knew.
        recipe=replace(recipe, seed=attempt.seed) if rung.effect is Effect.EXACT else recipe,
        model=model,
        settings=attempt.settings,
        seed=attempt.seed,
    )
    _write_unlearning(home / UNLEARN, unlearning, splits)
    verification = VerificationJob(
        original=model,
        data=VerificationData(population=f"{DATA}/population.jsonl", subject_level=subject_level),
        forms=recipe.forms,
        profile=rung.profile or attempt.job.ticket.profile,
        effect=rung.effect.value,
        seed=attempt.seed,
    )
    _write_verification(home / VERIFY, verification, splits)
    (home / READY).touch()
    return home


def candidate_add(home: Path, result: Result, preregistration: str) -> None:
    """Tell the verification job, prepared before, which candidate to examine.

    Raises :class:`AttemptFailed` when the method claims another effect than was planned for.
    """
    job = read_job(home / VERIFY, VerificationJob)
    if result.model is None or result.effect is None or result.effect.value != job.effect:
        raise AttemptFailed(
            ErrorCode.CRASHED, "The method made no model, or claims another effect than planned."
        )
    candidate = replace(result.model, path=f"../{UNLEARN}/{result.model.path}")
    complete = replace(job, candidate=candidate, preregistration=preregistration)
    write_job(home / VERIFY, complete)


def folder_remove(attempt_id: UUID) -> None:
    """Remove the attempt's folder with everything in it."""
    shutil.rmtree(attempt_path(attempt_id), ignore_errors=True)


def folders_sweep() -> None:
    """End left-over processes of this host and remove the folders of attempts that are over.

    The folder of a running attempt stays, for its next holder resumes in it.
    """
    attempts = configuration().attempts
    names = [item.name for item in attempts.iterdir()] if attempts.is_dir() else []
    for attempt_id in (UUID(name) for name in names if _is_id(name)):
        # The row stays locked meanwhile, so nobody can take the lease and start a process here.
        with transaction.atomic():
            rows = Attempt.objects.select_for_update(no_key=True).filter(pk=attempt_id)
            attempt = rows.annotate(held=Q(lease_until__gt=Now())).first()
            if attempt is None or attempt.state in ATTEMPT_OVER:
                _abandon(attempt_id, remove=True)
            elif not attempt.held:
                _abandon(attempt_id, remove=False)


def _abandon(attempt_id: UUID, *, remove: bool) -> None:
    lock = run_lock(attempt_id)
    if lock.evict():
        if remove:
            folder_remove(attempt_id)
        lock.release()


def _is_id(name: str) -> bool:
    try:
        return str(UUID(name)) == name
    except ValueError:
        return False


def _clear(home: Path) -> None:
    """Remove what a half-built folder holds, but for the lock that is held now."""
    for item in home.iterdir():
        if item.is_dir():
            shutil.rmtree(item)
        elif item != home / "run.lock":
            item.unlink()


def _splits(attempt: Attempt, home: Path, recipe: Recipe) -> tuple[Splits, int]:
    nodes = scope_of(attempt.job.ticket)
    held = records_held(attempt.job.original)
    sources = _sources(held, home)
    inside = held.filter(pk__in=records_in_scope(nodes).values("pk"))
    scoped = Dataset.objects.filter(versions__in=inside.order_by().values("version")).distinct()
    if scoped.count() > 1:
        raise AttemptFailed(
            ErrorCode.NOT_SUPPORTED,
            "The scope touches several datasets of this model. File one ticket for each.",
        )
    dataset = scoped.first()
    if dataset is None:
        raise AttemptFailed(
            ErrorCode.EMPTY_FORGET_SET,
            "The model holds no record of the ticket's scope; there is nothing to forget.",
        )
    scopes = tuple(
        Scope(node.depth, frozenset(records_in_scope([node]).values_list("key", flat=True)))
        for node in nodes
        if node.dataset_id == dataset.pk
    )
    others = [source for pk, source in sources.items() if pk != dataset.pk]
    _check_ids(sources.values())
    splits = split(
        scoped=sources[dataset.pk],
        others=others,
        scopes=scopes,
        forms=recipe.forms,
        served=_served_with(home / ORIGINAL, attempt, scopes),
    )
    return splits, dataset.subject_level


def _served_with(model: Path, attempt: Attempt, scopes: Sequence[Scope]) -> frozenset[str] | None:
    """Return the ids of the records in the shards of the scope; ``None`` for a whole model."""
    if attempt.job.original.layout != "sharded":
        return None
    named = frozenset().union(*(scope.keys for scope in scopes))
    shards = (frozenset(ids) for ids in read_json(model / "shards.json")["shards"].values())
    return frozenset().union(*(shard for shard in shards if shard & named))


def _sources(held: QuerySet[StoredRecord], home: Path) -> dict[UUID, Source]:
    """Return what the model holds of each dataset; a record's newest version counts."""
    sources: dict[UUID, Source] = {}
    versions = DatasetVersion.objects.filter(pk__in=held.order_by().values("version"))
    for version in versions.select_related("dataset").order_by("number"):
        keys = frozenset(held.filter(version=version).values_list("key", flat=True))
        newer = Source(_read(version, home), keys)
        older = sources.get(version.dataset_id)
        sources[version.dataset_id] = newer if older is None else older.updated_by(newer)
    return sources


def _read(version: DatasetVersion, home: Path) -> Corpus:
    into = home / "dataset"
    dataset_fetch(version, into)
    try:
        return read_dataset(into)
    finally:
        shutil.rmtree(into)


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


def _write_unlearning(folder: Path, job: UnlearningJob, splits: Splits) -> None:
    names = UnlearningData(
        calibration=f"{DATA}/calibration.jsonl" if splits.unlearn_calibration else None,
        public=f"{DATA}/public.jsonl" if splits.unlearn_public else None,
    )
    _write(folder, names.forget, splits.unlearn_forget)
    _write(folder, names.retain, splits.unlearn_retain)
    _write(folder, names.calibration, splits.unlearn_calibration)
    _write(folder, names.public, splits.unlearn_public)
    write_job(folder, replace(job, data=names))


def _write_verification(folder: Path, job: VerificationJob, splits: Splits) -> None:
    _write(folder, job.data.forget, splits.verify_forget)
    _write(folder, job.data.twins, splits.verify_twins)
    _write(folder, job.data.neighbours, splits.verify_neighbours)
    _write(folder, job.data.retain, splits.verify_retain)
    _write(folder, job.data.population, splits.verify_population)
    write_job(folder, job)


def _rung(attempt: Attempt) -> Rung:
    ladder = ladder_for(attempt.job.original.layout, attempt.job.ticket.profile)
    return next(rung for rung in ladder if rung.method == attempt.method)


def _write(folder: Path, name: str | None, records: Sequence[Record]) -> None:
    if name is not None:
        path = folder / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_records(path, records)
