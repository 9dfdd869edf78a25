"""Models in folders: loaded for training, saved as what they were.

A folder is an ordinary transformers one (weights whole or in numbered safetensors shards), or that
of a LoRA adapter that names a local base, which may be an adapter on a base again. Nothing is
fetched and no code of a folder is run. Weights are trained in 32 bits, because the steps of
unlearning are smaller than what bf16 resolves, and saved in the precision they were stored in.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

import torch
from peft import PeftModel
from safetensors import SafetensorError, safe_open

from contract.canonical import read_json
from contract.manifest import adapter_base
from contract.result import ErrorCode, JobError
from unlearning import packing
from unlearning.engine import processes
from unlearning.losses.forward import blocks_of
from unlearning.spec import Context
from verification.families.causal_lm.folders import (
    CONFIG_FILE,
    TOKENIZER_FILE,
    base_of,
    is_adapter,
    tokenizer_of,
    whole_weights,
)

Stack = Literal["merge", "keep"]
"""What becomes of an adapter on its base: one whole model, or still an adapter, which trains."""

STORED = "expunge_stored_as"
"""The attribute of a loaded model that says in which precision its folder holds it."""
DTYPES = {"F32": torch.float32, "BF16": torch.bfloat16, "F16": torch.float16}


def load_model(
    folder: Path, device: torch.device, *, stack: Stack = "merge", shared: bool = False
) -> Any:
    """Load a model for training, in 32 bits; raises ``JobError``.

    With ``shared``, several processes that were started together hold it in shards.
    """
    if processes.several() and not shared:
        message = "this method works in one process; start it without accelerate or torchrun"
        raise JobError(ErrorCode.NOT_SUPPORTED, message)
    try:
        model = _loaded(folder, stack)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        message = "the model folder cannot be opened as a causal language model"
        raise JobError(ErrorCode.MODEL_MISSING, message) from error
    if processes.several():
        processes.shard(model, list(blocks_of(model)), device)
        return model.to(device).eval() if device.type == "cpu" else model.eval()
    return model.to(device).eval()


def _loaded(folder: Path, stack: Stack) -> Any:
    if not is_adapter(folder):
        return _whole(folder)
    below = _loaded(base_of(folder), "merge")
    stored = getattr(below, STORED, None)
    model = PeftModel.from_pretrained(
        below, str(folder), is_trainable=stack == "keep", local_files_only=True
    )
    if stack == "merge":
        model = model.merge_and_unload().requires_grad_(requires_grad=True)
        setattr(model, STORED, stored)
    return model


def _whole(folder: Path) -> Any:
    """Load a transformers folder, every weight of it."""
    if "quantization_config" in _config(folder):
        message = (
            "the model is stored in 4 or 8 bits, in which nothing can be trained; unlearn the "
            "model it was made of, and store the result that way"
        )
        raise JobError(ErrorCode.NOT_SUPPORTED, message)
    model = whole_weights(folder, torch.float32)
    packing.allow(model)
    setattr(model, STORED, stored_as(folder))
    return model


def stored_as(folder: Path) -> torch.dtype | None:
    """Return the one precision of all weights of a folder; ``None`` when there are several."""
    found = set()
    for path in folder.glob("*.safetensors"):
        with safe_open(str(path), "pt") as opened:
            found |= {opened.get_slice(name).get_dtype() for name in opened.keys()}  # noqa: SIM118
    floats = {DTYPES[item] for item in found if item in DTYPES}
    return floats.pop() if len(floats) == 1 else None


def load_tokenizer(folder: Path) -> Any:
    """Load the tokenizer of a model folder; an adapter without one has its base's.

    Its ``model_max_length`` is no longer than what the model was built to read.
    """
    if is_adapter(folder) and not (folder / TOKENIZER_FILE).is_file():
        folder = adapter_base(folder) or folder
    try:
        named = read_json(folder / TOKENIZER_FILE).get("tokenizer_class")
        tokenizer = tokenizer_of(folder, named)
    except (OSError, ValueError, KeyError) as error:
        message = "the model folder holds no tokenizer that can be opened"
        raise JobError(ErrorCode.MODEL_MISSING, message) from error
    config = _config(folder)
    longest = config.get("max_position_embeddings") or config.get("n_positions")
    if longest:
        tokenizer.model_max_length = min(tokenizer.model_max_length, longest)
    return tokenizer


def _config(folder: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = read_json(folder / CONFIG_FILE)
    except (OSError, ValueError):
        return {}
    return found


def save(model: Any, tokenizer: Any, folder: Path) -> None:
    """Write model and tokenizer as one transformers folder, in the precision it was loaded from.

    Of several processes the first writes.
    """
    stored = getattr(model, STORED, None)
    if processes.Processes.of(model).count > 1:
        state = processes.full_state(model)
        if processes.rank() > 0:
            return
        model = _gathered(model, state)
    if stored is not None:
        model.to(stored)
    model.save_pretrained(str(folder), safe_serialization=True)
    tokenizer.save_pretrained(str(folder))


def _gathered(model: Any, state: dict[str, torch.Tensor]) -> Any:
    """Return a whole model of the same configuration with the given weights."""
    with torch.device("meta"):
        whole: Any = type(model)._from_config(model.config)  # noqa: SLF001 - of a config
    whole.load_state_dict(state, assign=True)
    whole.tie_weights()
    return whole


def save_result(context: Context, model: Any, tokenizer: Any) -> None:
    """Write what a method made as the job's output: a whole model, or an adapter on its base."""
    if not isinstance(model, PeftModel):
        save(model, tokenizer, context.output)
        return
    if processes.rank() > 0:
        return
    base = adapter_base(context.model_path) or context.model_path
    configs: list[Any] = list(model.peft_config.values())
    for config in configs:
        # Relative to where the output will be in the end; peft itself keeps a set, in any order.
        config.base_model_name_or_path = os.path.relpath(base, context.folder / context.job.output)
        if not isinstance(config.target_modules, str):
            config.target_modules = sorted(config.target_modules)
    model.save_pretrained(str(context.output), save_embedding_layers=False)
    (context.output / "README.md").unlink(missing_ok=True)  # a model card with a local path
    tokenizer.save_pretrained(str(context.output))
