"""Which records an attempt gets, and which side sees which. Pure.

The verifier must not be able to be satisfied by what the unlearner aimed at. So twins are
split by whole persons, the calibration wording goes to the unlearner only, and the untrained
wordings (the probes) go to the verifier only.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from contract.record import CALIBRATION_FORM, Form, Record
from corpora.assignment import Arm, coin
from corpora.dataset import Dataset

NEIGHBOURS = 120
RETAINED = 120
TWINS = 480
POPULATION = 960
"""At most so many records of each kind go to the verifier: enough for its margins.

Twins and the population they are compared with are whole persons: a sample of some of a person's
records differs from a whole person's, and would make the twins look unlike the trained.
"""


@dataclass(frozen=True)
class Scope:
    """One node of a ticket: how deep it stands (0-based) and the keys of its records."""

    depth: int
    keys: frozenset[str]


@dataclass(frozen=True)
class Source:
    """A dataset and the keys of its records that the model holds (and of its public ones)."""

    dataset: Dataset
    held: frozenset[str]

    def trained(self) -> tuple[Record, ...]:
        """Return the records of data subjects that the model holds."""
        return tuple(item for item in self._held() if not self._is_public(item))

    def public(self) -> tuple[Record, ...]:
        """Return the public records that the model was trained on."""
        return tuple(item for item in self._held() if self._is_public(item))

    def updated_by(self, newer: Source) -> Source:
        """Return this dataset with the records and arms of a newer version of it laid over."""
        new, old = newer.dataset, self.dataset
        ids = {item.id for item in new.records}
        kept = tuple(item for item in old.records if item.id in self.held - ids)
        merged = replace(new, records=(*new.records, *kept), arms={**old.arms, **new.arms})
        return Source(merged, self.held | newer.held)

    def unseen(self, records: Iterable[Record]) -> tuple[Record, ...]:
        """Return the records of those persons of whom the model holds nothing at all."""
        seen = {self.dataset.subject_of(item) for item in self._held()}
        return tuple(item for item in records if self.dataset.subject_of(item) not in seen)

    def _held(self) -> tuple[Record, ...]:
        return tuple(item for item in self.dataset.records if item.id in self.held)

    def _is_public(self, record: Record) -> bool:
        return self.dataset.arms[self.dataset.subject_of(record)] is Arm.PUBLIC


@dataclass(frozen=True)
class Splits:
    """The records of an attempt. ``unlearn_*`` and ``verify_*`` never cross the boundary.

    ``lineage`` is what a later version was trained on, when one is examined.
    """

    unlearn_forget: tuple[Record, ...]
    unlearn_retain: tuple[Record, ...]
    unlearn_calibration: tuple[Record, ...]
    unlearn_public: tuple[Record, ...]
    verify_forget: tuple[Record, ...]
    verify_twins: tuple[Record, ...]
    verify_neighbours: tuple[Record, ...]
    verify_retain: tuple[Record, ...]
    verify_population: tuple[Record, ...]
    lineage: tuple[Record, ...] = ()


def split(  # noqa: PLR0913 - what is held, what must go, and what may not judge
    *,
    scoped: Source,
    others: Sequence[Source],
    scopes: Sequence[Scope],
    forms: Collection[str],
    served: Collection[str] | None = None,
    along: Collection[str] = frozenset(),
) -> Splits:
    """Split the records that a model version holds.

    ``scoped`` is the dataset of the ticket's nodes, ``others`` are the further ones of the
    version; ``forms`` are the forms it was trained on. ``served`` are the records that the same
    part of a sharded model answers for: only those can tell whether that part was harmed.
    ``along`` are records that the examined model need not know any more for another reason (other
    requests of the same batch, earlier erasures): nothing is judged by them.
    """
    named = frozenset().union(*(scope.keys for scope in scopes))
    dataset = scoped.dataset
    trained = scoped.trained()
    forget = tuple(item for item in trained if item.id in named)
    own = tuple(item for item in trained if item.id not in named)
    order = _order(dataset.seed)
    judged = tuple(
        item for item in own if item.id not in along and (served is None or item.id in served)
    )
    neighbours = _neighbours(judged, forget, scopes, order)
    near = {item.id for item in neighbours}
    sample = sorted((item for item in judged if item.id not in near), key=order)[:RETAINED]
    population = _whole_subjects(
        _others(trained, named | frozenset(along), dataset), dataset, POPULATION
    )
    calibration, twins = (scoped.unseen(group) for group in dataset.split_twins())
    learner = _only({*forms, CALIBRATION_FORM})
    prober = _without(CALIBRATION_FORM)
    return Splits(
        unlearn_forget=learner(forget),
        unlearn_retain=learner((*own, *(item for other in others for item in other.trained()))),
        unlearn_calibration=learner(calibration),
        unlearn_public=learner(item for source in (scoped, *others) for item in source.public()),
        verify_forget=prober(forget),
        verify_twins=prober(_whole_subjects(twins, dataset, TWINS)),
        verify_neighbours=prober(neighbours),
        verify_retain=prober(sample),
        verify_population=prober(population),
    )


def together(parts: Sequence[Splits]) -> Splits:
    """Return the splits of one unlearning run for several scopes; its verify parts are empty."""
    forget = {item.id: item for part in parts for item in part.unlearn_forget}
    retain = {item.id: item for part in parts for item in part.unlearn_retain}
    calibration = {item.id: item for part in parts for item in part.unlearn_calibration}
    public = {item.id: item for part in parts for item in part.unlearn_public}
    return Splits(
        unlearn_forget=tuple(forget.values()),
        unlearn_retain=tuple(item for pk, item in retain.items() if pk not in forget),
        unlearn_calibration=tuple(calibration.values()),
        unlearn_public=tuple(public.values()),
        verify_forget=(),
        verify_twins=(),
        verify_neighbours=(),
        verify_retain=(),
        verify_population=(),
    )


def _others(
    trained: Sequence[Record], gone: Collection[str], dataset: Dataset
) -> tuple[Record, ...]:
    """Return the trained records of everyone of whom nothing is to be forgotten."""
    named = {dataset.subject_of(item) for item in trained if item.id in gone}
    return tuple(item for item in trained if dataset.subject_of(item) not in named)


def _neighbours(
    kept: Sequence[Record],
    forget: Sequence[Record],
    scopes: Sequence[Scope],
    order: Callable[[Record], tuple[float, str]],
) -> tuple[Record, ...]:
    """Return a sample of the kept records under the same parents as the scope's nodes.

    A node without siblings has its neighbours one level further up.
    """
    found: dict[str, Record] = {}
    for scope in scopes:
        paths = [item.path for item in forget if item.id in scope.keys]
        if not paths:
            continue
        for depth in range(scope.depth, -1, -1):
            parent = paths[0][:depth]
            near = [item for item in kept if item.path[:depth] == parent]
            if near:
                found.update((item.id, item) for item in near)
                break
    return tuple(sorted(found.values(), key=order)[:NEIGHBOURS])


def _whole_subjects(records: Sequence[Record], dataset: Dataset, most: int) -> tuple[Record, ...]:
    """Return the records of as many whole subjects as fit into ``most``, at least one subject."""
    groups: dict[tuple[str, ...], list[Record]] = {}
    for item in records:
        groups.setdefault(dataset.subject_of(item), []).append(item)
    chosen: list[Record] = []
    for key in sorted(groups, key=lambda key: coin(dataset.seed, key, ("verification",))):
        if chosen and len(chosen) + len(groups[key]) > most:
            break
        chosen += groups[key]
    return tuple(chosen)


def _order(seed: int) -> Callable[[Record], tuple[float, str]]:
    return lambda record: (coin(seed, record.path, (record.id,)), record.id)


def _only(names: Collection[str]) -> Callable[[Iterable[Record]], tuple[Record, ...]]:
    return lambda records: tuple(
        replace(item, forms=_picked(item, lambda name: name in names)) for item in records
    )


def _without(name: str) -> Callable[[Iterable[Record]], tuple[Record, ...]]:
    return lambda records: tuple(
        replace(item, forms=_picked(item, lambda other: other != name)) for item in records
    )


def _picked(record: Record, wanted: Callable[[str], bool]) -> Mapping[str, Form]:
    return {name: form for name, form in record.forms.items() if wanted(name)}
