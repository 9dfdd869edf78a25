"""The sharded layout: a base that holds nobody's data, and one LoRA adapter per shard.

``base/`` is a transformers folder, ``adapters/<shard>/`` a peft one, and ``shards.json`` says
which record ids each adapter was trained on. A deployment loads the adapter of the shard that
a request belongs to; composing is adding that adapter to the base.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch import nn

from contract.canonical import read_json, write_json
from contract.record import Record
from contract.result import ErrorCode, JobError
from unlearning import models

BASE, ADAPTERS, SHARDS = "base", "adapters", "shards.json"
Shards = Mapping[str, tuple[str, ...]]


def assign(records: Sequence[Record], count: int, level: int, seed: int) -> Shards:
    """Deal data subjects (paths down to ``level``) to shards, shuffled by the seed.

    Returns the record ids of each shard.
    """
    subjects = sorted({record.subject(level) for record in records})
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(subjects), generator=generator).tolist()
    place = {subjects[item]: index % count for index, item in enumerate(order)}
    return {
        f"shard-{shard:02d}": tuple(
            record.id for record in records if place[record.subject(level)] == shard
        )
        for shard in range(count)
    }


def without(shards: Shards, forgotten: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Return the shards without the forgotten record ids; an emptied shard keeps its name."""
    gone = set(forgotten)
    return {
        shard: tuple(item for item in members if item not in gone)
        for shard, members in shards.items()
    }


def affected(shards: Shards, forgotten: Collection[str]) -> tuple[str, ...]:
    """Return the shards that hold any of the forgotten record ids."""
    gone = set(forgotten)
    return tuple(shard for shard, members in shards.items() if gone.intersection(members))


def read_shards(folder: Path) -> Shards:
    """Read ``shards.json``; raises ``MODEL_MISSING`` when it is not there."""
    try:
        content = read_json(folder / SHARDS)["shards"]
    except (FileNotFoundError, KeyError, ValueError) as error:
        message = f"the sharded model has no readable {SHARDS}"
        raise JobError(ErrorCode.MODEL_MISSING, message) from error
    return {shard: tuple(members) for shard, members in sorted(content.items())}


def write_shards(folder: Path, shards: Shards) -> None:
    """Write ``shards.json``."""
    write_json(folder / SHARDS, {"shards": {key: list(value) for key, value in shards.items()}})


def attach(model: Any, rank: int, seed: int) -> Any:
    """Return the model with a fresh LoRA adapter on every linear layer; only that trains.

    Embedding and output layer are included: a base that saw few texts has hardly used many of its
    tokens, and a frozen output layer could then not spell the shard's answers.
    """
    kinds = (nn.Linear, nn.Embedding)
    names = {
        name.rpartition(".")[2] for name, item in model.named_modules() if isinstance(item, kinds)
    }
    config = LoraConfig(
        r=rank,
        lora_alpha=2 * rank,
        lora_dropout=0.0,
        target_modules=sorted(names),
        task_type="CAUSAL_LM",
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return get_peft_model(model, config)


def inner(model: Any) -> Any:
    """Return the transformers model inside a peft one (adapter active), or the model itself."""
    return model.get_base_model() if isinstance(model, PeftModel) else model


def save_adapter(model: Any, folder: Path, shard: str) -> None:
    """Write the adapter of a shard; its configuration names the base relatively."""
    for config in model.peft_config.values():
        config.base_model_name_or_path = f"../../{BASE}"
        config.target_modules = sorted(config.target_modules)  # peft keeps a set: no fixed order
    target = folder / ADAPTERS / shard
    model.save_pretrained(str(target), save_embedding_layers=False)
    (target / "README.md").unlink(missing_ok=True)  # a model card with a path of this machine


def compose(folder: Path, shard: str, device: torch.device) -> nn.Module:
    """Return base and adapter merged to one whole model; a shard without adapter is the base."""
    model = models.load_model(folder / BASE, device)
    adapter = folder / ADAPTERS / shard
    if not adapter.is_dir():
        return model  # type: ignore[no-any-return]
    merged: nn.Module = PeftModel.from_pretrained(model, str(adapter)).merge_and_unload()
    return merged.eval()


def copy_except(source: Path, target: Path, dropped: Collection[str]) -> None:
    """Copy a sharded model byte by byte, all but the adapters of the dropped shards."""
    shutil.copytree(source / BASE, target / BASE)
    for adapter in sorted((source / ADAPTERS).iterdir()):
        if adapter.name not in dropped:
            shutil.copytree(adapter, target / ADAPTERS / adapter.name)
