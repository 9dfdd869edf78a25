"""``job.json``: what one attempt must do.

Paths are relative to the attempt folder. Two kinds of job exist: an unlearning (or
training) job for ``python -m unlearning run FOLDER`` and a verification job for
``python -m verification run FOLDER``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass

from contract.canonical import read_json, write_json
from contract.record import FROZEN

JOB_FILE = "job.json"
Layout = Literal["whole", "sharded", "guard"]
Device = Literal["auto", "cpu", "cuda"]


@dataclass(frozen=True, config=FROZEN)
class ModelRef:
    """A model folder and the digest it must have.

    ``layout`` is ``whole`` (a transformers folder) or ``sharded`` (``base/``, ``adapters/<shard>/``
    and ``shards.json``, see :mod:`unlearning.adapters`). ``guard`` is no model: it is what changes
    a model's answers at serving (:mod:`contract.guard`), and no ladder of an erasure has it.
    """

    path: str
    digest: str
    family: str = "causal_lm"
    layout: Layout = "whole"


@dataclass(frozen=True, config=FROZEN)
class Recipe:
    """How a model was (and can again be) trained from records.

    ``forms`` are the surface forms it is trained on. ``architecture`` holds keyword arguments
    of the transformers configuration class. ``base`` is a model to start from in place of random
    weights, with its own architecture and tokenizer: a whole model is trained on from it, a
    sharded one gets its adapters on it as it is. ``shards`` is the number of adapters (0: a whole
    model). ``slices`` is the number of parts of each shard that are trained one after the other,
    with a checkpoint after each; with ``permutations`` each slice trains its own group of layers
    instead, in that many orders (:mod:`unlearning.sharded`). Sizes are tokens or steps.
    """

    forms: tuple[str, ...] = ("question", "statement")
    architecture: Mapping[str, Any] = field(default_factory=dict)
    vocabulary: int = 2048
    epochs: int = 20
    batch: int = 16
    learning_rate: float = 2e-3
    warmup: int = 50
    weight_decay: float = 0.0
    seed: int = 0
    shards: int = 0
    rank: int = 16
    slices: int = 1
    permutations: int = 0
    base: ModelRef | None = None


@dataclass(frozen=True, config=FROZEN)
class UnlearningData:
    """Record files of an unlearning job.

    ``forget``: the records in scope. ``retain``: every other record the model was trained on.
    ``calibration``: records of persons that were never trained on and that no verification
    uses; the stopping rule aims at them. ``public``: records that train only the base of a
    sharded model and carry no data subject's rights.
    """

    forget: str = "data/forget.jsonl"
    retain: str = "data/retain.jsonl"
    calibration: str | None = None
    public: str | None = None


@dataclass(frozen=True, config=FROZEN)
class UnlearningJob:
    """One run of one method. ``model`` is absent only when ``method`` is ``train``."""

    method: str
    recipe: Recipe
    data: UnlearningData = field(default_factory=UnlearningData)
    model: ModelRef | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    device: Device = "auto"
    output: str = "output"
    schema: Literal["expunge.unlearning-job/1"] = "expunge.unlearning-job/1"


@dataclass(frozen=True, config=FROZEN)
class VerificationData:
    """Record files of a verification job.

    ``forget``: the records that should be gone. ``twins``: records of never-trained persons,
    assigned by coin flip, from the same templates. ``neighbours``: trained records next to the
    forgotten ones in the hierarchy. ``retain``: other trained records. ``population``: trained
    records of whole other persons, for the blind baseline alone: their texts are compared with
    the twins', no model is asked; without it, neighbours and retain stand in. ``canaries`` is a
    ledger of the coins that decided which of two was trained (:mod:`contract.canary`).
    ``subject_level`` is the depth (0-based) of a data subject in every record's path: the cluster
    of the statistics.
    """

    forget: str = "data/forget.jsonl"
    twins: str = "data/twins.jsonl"
    neighbours: str = "data/neighbours.jsonl"
    retain: str = "data/retain.jsonl"
    population: str | None = None
    canaries: str | None = None
    subject_level: int = 0


@dataclass(frozen=True, config=FROZEN)
class Shadows:
    """How a verification trains models of its own that saw, or did not see, the records.

    ``count`` models (even, so that each person is in half of them) are trained for ``steps`` on
    half of the people, with at most ``records`` of others. ``base`` is the model to start from;
    without it they start from random weights in the original's architecture.
    """

    count: int = 8
    steps: int = 400
    batch: int = 16
    learning_rate: float = 2e-3
    records: int = 1000
    base: ModelRef | None = None


@dataclass(frozen=True, config=FROZEN)
class Sham:
    """A sham request: a never-trained person pushed through the same unlearning code.

    ``data``: the person's records, none of them a twin of the job; fixed by the preregistration.
    ``model``: what the code made of the original when asked to forget them; absent until then.
    """

    data: str
    model: ModelRef | None = None


@dataclass(frozen=True, config=FROZEN)
class VerificationJob:
    """One verification of one candidate model against its original.

    ``effect`` is what the method claims (:class:`contract.catalog.Effect`); ``references`` are
    models that saw neither the person nor the twins. ``forms`` are the forms the original was
    trained on; the other forms of a record (but ``calibration``) are probes of generalisation.
    ``preregistration`` is the digest that ``python -m verification preregister FOLDER`` printed
    before the candidate existed; ``candidate`` is absent at that moment.

    ``also`` names checks beyond the profile's, as ``check`` or ``check+attack`` (an attack's name,
    or the label of one of its models): they are preregistered too, and inform without deciding.

    ``lineage``, named with the candidate, are the record files of everything that the candidate
    was trained on (an exact method has to show that the forget records are in none of them).
    ``shams`` are controls of the unlearning procedure, ``shadows`` a recipe of models to calibrate
    membership attacks with. ``earlier_attempts`` counts the candidates
    that were already refuted for this request: each makes the level of the next one stricter.
    """

    original: ModelRef
    data: VerificationData = field(default_factory=VerificationData)
    candidate: ModelRef | None = None
    references: tuple[ModelRef, ...] = ()
    forms: tuple[str, ...] = ("question", "statement")
    profile: str = "erasure"
    also: tuple[str, ...] = ()
    effect: str | None = None
    seed: int = 0
    device: Device = "auto"
    preregistration: str | None = None
    lineage: tuple[str, ...] = ()
    shams: tuple[Sham, ...] = ()
    shadows: Shadows | None = None
    earlier_attempts: int = 0
    schema: Literal["expunge.verification-job/1"] = "expunge.verification-job/1"


Job = TypeVar("Job", UnlearningJob, VerificationJob)


def write_job(folder: Path, job: UnlearningJob | VerificationJob) -> None:
    """Write ``job.json`` into the attempt folder."""
    write_json(folder / JOB_FILE, TypeAdapter(type(job)).dump_python(job, mode="json"))


def read_job(folder: Path, kind: type[Job]) -> Job:
    """Read ``job.json``; raises ``ValueError`` that says what is wrong with it."""
    try:
        return TypeAdapter(kind).validate_python(read_json(folder / JOB_FILE))
    except FileNotFoundError as error:
        message = f"{folder.name} holds no {JOB_FILE}"
        raise ValueError(message) from error
