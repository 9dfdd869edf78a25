"""The sharded layout: a base that holds nobody's data, and one LoRA adapter per shard.

* ``base/`` is a transformers folder, ``adapters/<shard>/`` a peft one: what is served.
* ``slices/<shard>/`` holds what the adapter is made of, when shards have slices: SISA's
  checkpoints (``0.safetensors`` is the adapter after the first slice) or S3T's groups of layers
  (``order-1/0.safetensors`` is the topmost group of the second order).
* ``shards.json`` says which record belongs where (:mod:`unlearning.division`).
* ``lineage.json`` says which records each file was trained on (:mod:`unlearning.lineage`).

A deployment loads the adapter of the shard that a request belongs to; composing is adding that
adapter to the base (:mod:`unlearning.serving`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict
from peft.utils.save_and_load import set_peft_model_state_dict
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from contract.canonical import write_json
from contract.manifest import ADAPTER_FILE
from unlearning import models

BASE, ADAPTERS, SLICES = "base", "adapters", "slices"
WEIGHTS = "adapter_model.safetensors"


def attach(model: Any, rank: int, seed: int, *, vocabulary: bool = True) -> Any:
    """Return the model with a fresh LoRA adapter on every linear layer; only that trains.

    With ``vocabulary`` embedding and output layer are included: a base that saw few texts has
    hardly used many of its tokens, and a frozen output layer could then not spell the shard's
    answers. A base that knows its language needs no such thing.
    """
    kinds = (nn.Linear, Conv1D, nn.Embedding) if vocabulary else (nn.Linear, Conv1D)
    spared = () if vocabulary else (model.get_input_embeddings(), model.get_output_embeddings())
    modules = {
        name.rpartition(".")[2]: item
        for name, item in model.named_modules()
        if isinstance(item, kinds) and not any(item is other for other in spared)
    }
    config = LoraConfig(
        r=rank,
        lora_alpha=2 * rank,
        lora_dropout=0.0,
        target_modules=sorted(modules),
        fan_in_fan_out=any(isinstance(item, Conv1D) for item in modules.values()),
        task_type="CAUSAL_LM",
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return get_peft_model(model, config)


def inner(model: Any) -> Any:
    """Return the transformers model inside a peft one (adapter active), or the model itself."""
    return model.get_base_model() if isinstance(model, PeftModel) else model


def save_adapter(model: Any, folder: Path, shard: str) -> Path:
    """Write the adapter of a shard for serving; returns the file of its weights."""
    write_adapter(folder, shard, adapter_config(model), adapter_tensors(model))
    return folder / ADAPTERS / shard / WEIGHTS


def adapter_config(model: Any) -> dict[str, Any]:
    """Return the configuration of a model's adapter; it names the base relatively."""
    (config,) = (item.to_dict() for item in model.peft_config.values())
    targets = sorted(config["target_modules"])  # peft keeps a set: no fixed order
    own = {"base_model_name_or_path": f"../../{BASE}", "inference_mode": True}
    content: dict[str, Any] = {**config, **own, "target_modules": targets}
    return {name: getattr(value, "value", value) for name, value in sorted(content.items())}


def adapter_tensors(model: Any) -> dict[str, Tensor]:
    """Return the tensors of a model's adapter by the names that peft saves them under."""
    found: Mapping[str, Tensor] = get_peft_model_state_dict(model, save_embedding_layers=False)
    return {name: item.detach().cpu().contiguous() for name, item in found.items()}


def write_adapter(
    folder: Path, shard: str, config: Mapping[str, Any], tensors: Mapping[str, Tensor]
) -> None:
    """Write a peft folder under ``adapters/``."""
    target = folder / ADAPTERS / shard
    target.mkdir(parents=True, exist_ok=True)
    write_json(target / ADAPTER_FILE, config)
    write_tensors(target / WEIGHTS, tensors)


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write tensors as safetensors: the same tensors are always the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(dict(tensors), path, metadata={"format": "pt"})


def load_tensors(model: Any, path: Path) -> None:
    """Put saved tensors of an adapter, or of some of its layers, into a model's adapter."""
    set_peft_model_state_dict(model, load_file(path))


def compose(folder: Path, shard: str, device: torch.device) -> nn.Module:
    """Return base and adapter merged to one whole model; a shard without adapter is the base."""
    model = models.load_model(folder / BASE, device)
    adapter = folder / ADAPTERS / shard
    if not adapter.is_dir():
        return model  # type: ignore[no-any-return]
    merged: nn.Module = PeftModel.from_pretrained(model, str(adapter)).merge_and_unload()
    return merged.eval()
