"""``shards.json``: which record belongs to which shard and slice of a sharded model.

The division is fixed when the model is trained. A deletion takes records out of it and moves
nobody else, so that what the others trained stays what it was.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from contract.canonical import read_json, write_json
from contract.record import FROZEN, Record
from contract.result import ErrorCode, JobError
from unlearning.slicing import best_order, deal, expected_deletions, surviving

SHARDS = "shards.json"
Shards = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, config=FROZEN)
class Division:
    """Which record ids belong to which shard and slice, and what of it is switched off.

    ``orders`` are S3T's permutations of the slices; without them the slices are SISA's. ``off``
    names the slices of which a record was deleted since their group was trained. ``training``
    says how the adapters were trained, so that they are trained the same way again.
    """

    shards: Shards
    slices: Mapping[str, tuple[tuple[str, ...], ...]] = field(default_factory=dict)
    orders: tuple[tuple[int, ...], ...] = ()
    off: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    training: Mapping[str, float] = field(default_factory=dict)

    def parts(self, shard: str) -> tuple[tuple[str, ...], ...]:
        """Return the slices of a shard; a shard without slices is one slice."""
        return self.slices.get(shard, (self.shards[shard],))

    def holding(self, records: Collection[str]) -> dict[str, tuple[int, ...]]:
        """Return the shards that hold any of the records, with the numbers of the slices."""
        gone = set(records)
        found = {
            shard: tuple(
                number for number, part in enumerate(self.parts(shard)) if gone.intersection(part)
            )
            for shard in self.shards
        }
        return {shard: numbers for shard, numbers in found.items() if numbers}

    def without(self, records: Collection[str]) -> Division:
        """Return the division without the records; emptied shards and slices keep their place."""
        slices = {
            shard: tuple(_kept(part, records) for part in parts)
            for shard, parts in self.slices.items()
        }
        return replace(self, shards=without(self.shards, records), slices=slices)


_DIVISION: TypeAdapter[Division] = TypeAdapter(Division)


def assign(records: Sequence[Record], count: int, level: int, seed: int) -> Shards:
    """Deal data subjects (paths down to ``level``) to shards, shuffled by the seed.

    Returns the record ids of each shard.
    """
    parts = _dealt(records, count, level, seed)
    return {f"shard-{number:02d}": part for number, part in enumerate(parts)}


def sliced(
    shards: Shards, records: Sequence[Record], count: int, level: int, seed: int
) -> dict[str, tuple[tuple[str, ...], ...]]:
    """Deal the data subjects of each shard to slices, like :func:`assign`."""
    return {
        shard: _dealt([item for item in records if item.id in set(members)], count, level, seed + 1)
        for shard, members in shards.items()
    }


def _dealt(
    records: Sequence[Record], count: int, level: int, seed: int
) -> tuple[tuple[str, ...], ...]:
    place = deal(sorted({record.subject(level) for record in records}), count, seed)
    return tuple(
        tuple(record.id for record in records if place[record.subject(level)] == number)
        for number in range(count)
    )


def without(shards: Shards, forgotten: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Return the shards without the forgotten record ids; an emptied shard keeps its name."""
    return {shard: _kept(members, forgotten) for shard, members in shards.items()}


def _kept(members: Iterable[str], forgotten: Collection[str]) -> tuple[str, ...]:
    gone = set(forgotten)
    return tuple(item for item in members if item not in gone)


def affected(shards: Shards, forgotten: Collection[str]) -> tuple[str, ...]:
    """Return the shards that hold any of the forgotten record ids."""
    return tuple(Division(shards).holding(forgotten))


def read_shards(folder: Path) -> Shards:
    """Read the shards of ``shards.json``; raises ``MODEL_MISSING`` when it is not there."""
    return read_division(folder).shards


def read_division(folder: Path) -> Division:
    """Read ``shards.json``; raises ``MODEL_MISSING`` when it is not there or not readable."""
    try:
        found = _DIVISION.validate_python(read_json(folder / SHARDS))
    except (FileNotFoundError, ValueError, ValidationError) as error:
        message = f"the sharded model has no readable {SHARDS}"
        raise JobError(ErrorCode.MODEL_MISSING, message) from error
    return replace(found, shards=dict(sorted(found.shards.items())))


def write_division(folder: Path, division: Division) -> None:
    """Write ``shards.json``; what a division does not use is left out."""
    content = _DIVISION.dump_python(division, mode="json")
    write_json(
        folder / SHARDS,
        {name: value for name, value in content.items() if value or name == "shards"},
    )


def capacity(division: Division) -> dict[str, float]:
    """Return what is served, and how many more random deletions the adapters bear without training.

    ``records_served`` counts the records whose adapter is in service, of ``records``.
    """
    total, served, living = 0, 0, 0
    for shard in division.shards:
        parts, off = division.parts(shard), division.off.get(shard, ())
        sizes = [len(part) for part in parts]
        orders = division.orders or (tuple(range(len(parts))),)
        row, length = best_order(orders, off, sizes)
        total += len(parts)
        served += sum(sizes[item] for item in orders[row][:length])
        living += len({order[0] for order in orders if surviving(order, off)})
    return {
        "records": float(sum(map(len, division.shards.values()))),
        "records_served": float(served),
        "deletion_capacity": expected_deletions(total, living),
    }
