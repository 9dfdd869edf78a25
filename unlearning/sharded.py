"""Training adapters shard by shard and slice by slice, and training again what must be.

Three schemes, told apart by the recipe:

* no slices: the adapter of a shard learns all of the shard's records at once;
* SISA (``slices`` > 1): it learns slice 1, then slices 1 and 2, and so on, with a checkpoint after
  each. After a deletion training goes on from the last checkpoint that had not seen the record.
* S3T (``permutations`` > 0 too): with each slice a group of layers of its own is trained, the
  topmost first, on top of the groups before it, on that slice and those before it; once for
  every order of the slices. After a deletion the slice's group and those that stand on it are
  switched off.

Every stage starts from files alone (base, checkpoint, seed) with a fresh optimiser, so a stage
whose records are the same gives the same bytes.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field, TypeAdapter
from pydantic.dataclasses import dataclass as settings_dataclass
from safetensors.torch import load_file

from contract.canonical import read_json, write_json
from contract.manifest import ADAPTER_FILE
from contract.record import FROZEN, Record
from contract.result import ErrorCode, JobError
from unlearning import adapters, models
from unlearning.adapters import ADAPTERS, BASE, SLICES
from unlearning.data import Batches, collate, encode_required
from unlearning.division import Division
from unlearning.engine import Fit, Phase, Schedule, fit
from unlearning.lineage import LINEAGE, Origin, learned_files, origin, read_lineage, texts_digest
from unlearning.losses import answer_nll, nll
from unlearning.slicing import (
    best_order,
    layer_groups,
    stage_epochs,
    surviving,
)
from unlearning.spec import Context

LAYER = re.compile(r"\.(?:layers|h|blocks)\.(\d+)\.")


@settings_dataclass(frozen=True, config=FROZEN)
class AdapterSettings:
    """How the adapter of a shard is trained."""

    epochs: int = Field(default=15, ge=1)
    learning_rate: float = Field(default=5e-3, gt=0)
    batch: int = Field(default=16, ge=1)
    warmup: int = Field(default=15, ge=0)


_SETTINGS: TypeAdapter[AdapterSettings] = TypeAdapter(AdapterSettings)


@dataclass(frozen=True)
class Shard:
    """One shard while it is trained: its name and the records of each slice, in order."""

    name: str
    parts: tuple[tuple[Record, ...], ...]

    def upto(self, number: int) -> tuple[Record, ...]:
        """Return the records of the slices up to the given one, that one included."""
        return tuple(record for part in self.parts[: number + 1] for record in part)


@dataclass
class Ledger:
    """What training came to: steps, the largest final loss, and where each file came from."""

    files: dict[str, Origin]
    steps: int = 0
    loss: float = 0.0

    def add(self, done: Fit) -> None:
        """Count a stage in."""
        self.steps += done.steps
        self.loss = max(self.loss, done.loss)


def settings_of(division: Division) -> AdapterSettings:
    """Return how the adapters of a division are trained."""
    return _SETTINGS.validate_python(division.training)


def shard_of(division: Division, name: str, records: Mapping[str, Record]) -> Shard:
    """Return a shard with its records; raises ``DATA_MISSING`` when some are not at hand."""
    parts = division.parts(name)
    missing = sum(item not in records for part in parts for item in part)
    if missing:
        message = f"{missing} retained records of {name} are not in the job's data"
        raise JobError(ErrorCode.DATA_MISSING, message)
    return Shard(name, tuple(tuple(records[item] for item in part) for part in parts))


def train_shard(
    context: Context, division: Division, shard: Shard, ledger: Ledger, *, first: int = 0
) -> None:
    """Train the adapter of a shard on the base in the output folder, and write its files there.

    With SISA's slices training begins at the slice ``first``, from the checkpoint before it.
    """
    if division.orders:
        _train_groups(context, division, shard, ledger)
    elif shard.name in division.slices:
        _train_slices(context, division, shard, ledger, first)
    elif shard.upto(0):
        stage = Stage(context, division, f"training {shard.name}")
        ledger.add(stage.train(shard.upto(0)))
        path = adapters.save_adapter(stage.model, context.output, shard.name)
        _note(context, ledger, path, shard.upto(0), ())


class Stage:
    """The base with an adapter on it, for one stretch of training."""

    def __init__(
        self, context: Context, division: Division, name: str, loaded: Iterable[Path] = ()
    ) -> None:
        recipe = context.job.recipe
        base = context.output / BASE
        self._context, self._name = context, name
        self._settings = settings_of(division)
        self.model = adapters.attach(
            models.load_model(base, context.device),
            recipe.rank,
            recipe.seed,
            vocabulary=recipe.base is None,
        )
        for path in loaded:
            adapters.load_tensors(self.model, path)

    def train(self, records: Sequence[Record], epochs: int | None = None) -> Fit:
        """Train what is not frozen on the records."""
        context, recipe, settings = self._context, self._context.job.recipe, self._settings
        tokenizer = models.load_tokenizer(context.output / BASE)
        samples = encode_required(tokenizer, records, recipe.forms)
        batches = Batches(samples, settings.batch, recipe.seed)
        schedule = Schedule(
            (epochs or settings.epochs) * batches.per_epoch, settings.learning_rate, settings.warmup
        )
        scored = adapters.inner(self.model)

        def loss(step: int) -> Any:
            batch = collate(batches.at(step), context.device)
            return nll(answer_nll(scored, batch), batch.lengths, reduction="mean")

        return fit(context, Phase(self._name, self.model, schedule, loss))

    def keep(self, path: Path, tensors: Mapping[str, Any]) -> None:
        """Write tensors of the adapter to a file, and the adapter's configuration beside it."""
        adapters.write_tensors(path, tensors)
        home = self._context.output / SLICES / path.relative_to(self._context.output).parts[1]
        write_json(home / ADAPTER_FILE, adapters.adapter_config(self.model))


def module_of(name: str) -> str:
    """Return the module of the base that a tensor or parameter of an adapter belongs to."""
    return re.sub(r"\.lora_.*$", "", name.removeprefix("base_model.model."))


def _train_slices(
    context: Context, division: Division, shard: Shard, ledger: Ledger, first: int
) -> None:
    """SISA: go on from the checkpoint before the slice ``first``."""
    folder = context.output / SLICES / shard.name
    epochs = stage_epochs(settings_of(division).epochs, len(shard.parts))
    stack: list[Path] = []
    for number in range(first):
        path = folder / f"{number}.safetensors"
        if path.is_file():
            stack = [path]
            _require_same_texts(context, ledger, path, shard.upto(number))
    for number in range(first, len(shard.parts)):
        if not shard.parts[number]:
            continue
        stage = Stage(context, division, f"training {shard.name} slice {number}", stack)
        seen, path = shard.upto(number), folder / f"{number}.safetensors"
        ledger.add(stage.train(seen, epochs))
        stage.keep(path, adapters.adapter_tensors(stage.model))
        _note(context, ledger, path, seen, stack)
        stack = [path]
    _serve(context, shard.name, ledger, stack)


def _require_same_texts(
    context: Context, ledger: Ledger, path: Path, records: Sequence[Record]
) -> None:
    """Refuse a checkpoint that learned other texts of the records than the job brings."""
    known = ledger.files.get(path.relative_to(context.output).as_posix())
    if known is not None and known.texts != texts_digest(records):
        message = (
            "records of earlier slices have changed since the checkpoint was trained on them; "
            "use drop_shard, which trains the shard anew"
        )
        raise JobError(ErrorCode.BAD_JOB, message)


def _train_groups(context: Context, division: Division, shard: Shard, ledger: Ledger) -> None:
    """S3T: each slice adds a group of layers on top of the groups before it, in each order.

    A group goes when its slice or one before it does, so it may rehearse those before it: without
    that, what earlier slices taught is written over.
    """
    epochs = stage_epochs(settings_of(division).epochs, len(shard.parts))
    for row, order in enumerate(division.orders):
        folder = context.output / SLICES / shard.name / f"order-{row}"
        stack: list[Path] = []
        for place, number in enumerate(order):
            if not shard.parts[number]:
                continue
            records = [item for before in order[: place + 1] for item in shard.parts[before]]
            stage = Stage(
                context, division, f"training {shard.name} order {row} slice {number}", stack
            )
            group = freeze_all_but(stage.model, place, len(order))
            ledger.add(stage.train(records, epochs))
            tensors = adapters.adapter_tensors(stage.model)
            path = folder / f"{place}.safetensors"
            stage.keep(path, {name: tensors[name] for name in tensors if module_of(name) in group})
            _note(context, ledger, path, records, stack)
            stack.append(path)
    serve_groups(context, division, shard.name, ledger)


def freeze_all_but(model: Any, place: int, count: int) -> frozenset[str]:
    """Let only one of ``count`` groups of layers train; returns the names of its modules.

    Group 0 is the topmost and has the output layer too; the last one has the embeddings.
    """
    names = {name: LAYER.search(name) for name, item in model.named_parameters() if "lora_" in name}
    layers = sorted({int(found[1]) for found in names.values() if found})
    groups = layer_groups(len(layers), count)
    head = model.get_base_model().get_output_embeddings()
    heads = {name for name, item in model.get_base_model().named_modules() if item is head}
    member = {
        number: index for index, group in enumerate(groups) for number in (layers[i] for i in group)
    }
    chosen = set()
    for name, parameter in model.named_parameters():
        if name not in names:
            continue
        found, module = names[name], module_of(name)
        home = member[int(found[1])] if found else (0 if module in heads else count - 1)
        parameter.requires_grad_(home == place)
        if home == place:
            chosen.add(module)
    return frozenset(chosen)


def serve_groups(context: Context, division: Division, shard: str, ledger: Ledger) -> None:
    """Write the adapter that is served: the living groups of the best order, if there are any."""
    off = division.off.get(shard, ())
    row, living = best_order(division.orders, off, [len(part) for part in division.parts(shard)])
    folder = context.output / SLICES / shard / f"order-{row}"
    paths = [folder / f"{place}.safetensors" for place in range(living)]
    _serve(context, shard, ledger, [path for path in paths if path.is_file()])


def _serve(context: Context, shard: str, ledger: Ledger, paths: Sequence[Path]) -> None:
    """Put the tensors of the files together to the adapter of a shard; none: no adapter."""
    if not paths:
        return
    tensors = {name: item for path in paths for name, item in load_file(path).items()}
    config = read_json(context.output / SLICES / shard / ADAPTER_FILE)
    modules = sorted({module_of(name) for name in tensors})
    adapters.write_adapter(context.output, shard, {**config, "target_modules": modules}, tensors)
    _note(context, ledger, context.output / ADAPTERS / shard / adapters.WEIGHTS, (), paths)


def switch_off(context: Context, division: Division, shards: Iterable[str], ledger: Ledger) -> None:
    """Remove the groups of the shards that stand on a slice that is off, and serve the others."""
    for shard in shards:
        for row, order in enumerate(division.orders):
            for place in range(surviving(order, division.off[shard]), len(order)):
                path = context.output / SLICES / shard / f"order-{row}" / f"{place}.safetensors"
                path.unlink(missing_ok=True)
        serve_groups(context, division, shard, ledger)


def copy_kept(context: Context, dropped: Callable[[str], bool]) -> Ledger:
    """Copy the model to the output, byte by byte, all but the files dropped (by path).

    Returns a ledger that begins with the origins of what was copied.
    """
    source = context.model_path
    for item in sorted(source.rglob("*")):
        path = item.relative_to(source).as_posix()
        if item.is_file() and path != LINEAGE and not dropped(path):
            target = context.output / path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(item, target)
    if not (source / LINEAGE).is_file():
        return Ledger({})
    return Ledger(dict(read_lineage(source).files))


def _note(
    context: Context,
    ledger: Ledger,
    path: Path,
    records: Sequence[Record],
    built_on: Iterable[Path],
) -> None:
    """Enter a written file into the ledger; every adapter stands on the base too."""
    folder = context.output
    name = path.relative_to(folder).as_posix()
    stands = [f"{BASE}/{item}" for item in learned_files(folder / BASE)]
    stands += [item.relative_to(folder).as_posix() for item in built_on]
    ledger.files[name] = origin(folder, name, records, stands)
