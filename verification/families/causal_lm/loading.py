"""From a folder to a model in memory, with a sentence for every way in which that can go wrong.

Nothing is fetched and no code of the folder is run. Weights stored in 4 or 8 bits are read as the
numbers they stand for: those are the weights that a deployment in that precision computes with.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch

from contract.canonical import read_json
from contract.result import ErrorCode, JobError
from verification.families.causal_lm.folders import (
    CONFIG_FILE,
    TOKENIZER_FILE,
    base_of,
    is_adapter,
    opened_weights,
    tokenizer_of,
)
from verification.families.causal_lm.model import CausalLM

SHARDS_FILE = "shards.json"


def load(
    path: Path, *, key: str, shard: str | None = None, device: torch.device | None = None
) -> CausalLM:
    """Load a model folder in the precision it is stored in; raises ``JobError``.

    With ``shard`` the folder is a sharded one, and the base is composed with that adapter; a
    listed shard whose adapter was dropped is served by the base alone.
    """
    place = device or torch.device("cpu")
    adapter = None if shard is None else path / "adapters" / shard
    folder = path if shard is None else path / "base"
    if adapter is not None and not adapter.exists() and shard in shard_records(path):
        adapter = None
    if shard is None and is_adapter(path):
        adapter, folder = path, base_of(path)
    try:
        model, unused = _whole(folder)
        if adapter is not None:
            model = _composed(model, adapter)
        tokenizer = _tokenizer(adapter, folder)
    except ImportError as error:
        message = (
            "the model is stored in a format that needs a package which is not installed "
            f"({_stored_as(folder)}); install it, or store the model in 16 or 32 bits"
        )
        raise JobError(ErrorCode.NOT_SUPPORTED, message) from error
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        message = (
            f"the model folder cannot be read as a causal language model ({type(error).__name__})"
        )
        raise JobError(ErrorCode.MODEL_MISSING, message) from error
    model.to(place)
    # Merged and dequantised weights come frozen; attribution and relearning need gradients.
    model.eval().requires_grad_(requires_grad=True)
    return CausalLM(key, model, tokenizer, place, unused)


def _whole(folder: Path) -> tuple[Any, int]:
    """Open a whole model in the precision it is stored in; raises ``JobError``.

    Returned with the number of stored weights that it has no use for.
    """
    model, unused = opened_weights(folder, "auto")
    if getattr(model, "hf_quantizer", None) is None:
        return model, unused
    try:
        return model.dequantize(), unused
    except NotImplementedError as error:
        message = (
            f"models stored as {_stored_as(folder)} cannot be opened up here; "
            "store it in 16 or 32 bits, or in 4 or 8 bits by bitsandbytes"
        )
        raise JobError(ErrorCode.NOT_SUPPORTED, message) from error


def _stored_as(folder: Path) -> str:
    try:
        found = read_json(folder / CONFIG_FILE)["quantization_config"]["quant_method"]
    except (OSError, ValueError, KeyError):
        return "an unknown method"
    return str(found)


def _tokenizer(adapter: Path | None, folder: Path) -> Any:
    """Return the adapter's own tokenizer if it has one, and the base's otherwise."""
    if adapter is not None and (adapter / TOKENIZER_FILE).is_file():
        folder = adapter
    try:
        named = read_json(folder / TOKENIZER_FILE).get("tokenizer_class")
    except (OSError, ValueError):
        named = None
    return tokenizer_of(folder, named)


def _composed(model: Any, adapter: Path) -> Any:
    from peft import PeftModel  # noqa: PLC0415 - a second to import; whole models do without

    return PeftModel.from_pretrained(model, adapter, local_files_only=True).merge_and_unload()


def shard_records(path: Path) -> Mapping[str, frozenset[str]]:
    """Return the record ids of every shard; raises ``MODEL_MISSING`` without ``shards.json``."""
    try:
        shards = read_json(path / SHARDS_FILE)["shards"]
    except (OSError, ValueError, KeyError) as error:
        message = f"the sharded model has no readable {SHARDS_FILE}"
        raise JobError(ErrorCode.MODEL_MISSING, message) from error
    return {name: frozenset(ids) for name, ids in shards.items()}


def shard_of(path: Path, record_ids: Iterable[str]) -> str:
    """Return the one shard that holds the records; raises ``NOT_SUPPORTED`` for none or several."""
    wanted = set(record_ids)
    hits = [name for name, ids in shard_records(path).items() if wanted & ids]
    if len(hits) != 1:
        message = (
            f"the records to forget lie in {len(hits)} shards of the model; "
            "verify each affected shard with a job of its own"
        )
        raise JobError(ErrorCode.NOT_SUPPORTED, message)
    return hits[0]
