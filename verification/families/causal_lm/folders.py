"""What a model folder is and how its weights and tokenizer are opened, to verify or to unlearn.

Nothing is fetched and no code of the folder is run.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast

from contract.manifest import ADAPTER_FILE, adapter_base
from contract.result import ErrorCode, JobError

CONFIG_FILE, TOKENIZER_FILE = "config.json", "tokenizer_config.json"
GENERAL_TOKENIZERS = frozenset({"PreTrainedTokenizerFast", "TokenizersBackend"})


def whole_weights(folder: Path, dtype: Any) -> Any:
    """Open a transformers folder, every weight of it, in the precision ``dtype``.

    Raises ``JobError`` when a weight is missing, and what transformers raises.
    """
    return opened_weights(folder, dtype)[0]


def opened_weights(folder: Path, dtype: Any) -> tuple[Any, int]:
    """Return what :func:`whole_weights` does, and how many weights the model has no use for."""
    # With the loading information the call returns a pair, which its stub does not know.
    loaded: Any = AutoModelForCausalLM.from_pretrained(
        str(folder),
        dtype=dtype,
        local_files_only=True,
        trust_remote_code=False,
        output_loading_info=True,
    )
    model, found = loaded
    if found["missing_keys"] or found["mismatched_keys"]:
        message = "the model folder lacks weights of its architecture; export the whole model"
        raise JobError(ErrorCode.MODEL_MISSING, message)
    return model, len(found["unexpected_keys"])


def is_adapter(folder: Path) -> bool:
    """Say whether the folder is that of an adapter and not of a whole model."""
    return (folder / ADAPTER_FILE).is_file() and not (folder / CONFIG_FILE).is_file()


def base_of(folder: Path) -> Path:
    """Return the local base that an adapter's folder names; raises ``JobError`` without one."""
    base = adapter_base(folder)
    if base is None:
        message = (
            "the adapter names no local base model; put the path of the base's folder into "
            f"{ADAPTER_FILE}"
        )
        raise JobError(ErrorCode.MODEL_MISSING, message)
    return base


def tokenizer_of(folder: Path, named: str | None) -> Any:
    """Open the folder's tokenizer, which its file calls ``named``.

    One saved as a general tokenizer is what its file says, whatever the model's class is used to:
    the automatic choice would read it as Qwen's because the model is one.
    """
    kind: Any = PreTrainedTokenizerFast if named in GENERAL_TOKENIZERS else AutoTokenizer
    return kind.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
