"""Small causal language models and their tokenizers: made, loaded and saved as ordinary folders.

A model is a transformers folder (``AutoModelForCausalLM.from_pretrained`` opens it) with its
own byte-level BPE tokenizer, trained on the texts the model is trained on and on nothing else: a
vocabulary is a trace of its texts too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import ByteLevelBPETokenizer
from torch import nn
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

from contract.record import Record
from contract.result import ErrorCode, JobError

END, PAD = "<|end|>", "<|pad|>"
CONTEXT_LENGTH = 512
DEFAULT_ARCHITECTURE: Mapping[str, Any] = {
    "hidden_size": 128,
    "intermediate_size": 384,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
}


def new_tokenizer(
    records: Iterable[Record], forms: Sequence[str], vocabulary: int
) -> PreTrainedTokenizerFast:
    """Train a byte-level BPE tokenizer on the texts of the given forms."""
    texts = [
        form.prompt + form.answer
        for record in records
        for name, form in record.forms.items()
        if name in forms
    ]
    bpe = ByteLevelBPETokenizer()
    bpe.train_from_iterator(
        texts,
        vocab_size=vocabulary,
        min_frequency=2,
        special_tokens=[END, PAD],
        show_progress=False,
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe._tokenizer,  # noqa: SLF001 - the class offers no public way out
        eos_token=END,
        pad_token=PAD,
        model_max_length=CONTEXT_LENGTH,
        clean_up_tokenization_spaces=False,
    )


def new_model(tokenizer: Any, architecture: Mapping[str, Any], seed: int) -> nn.Module:
    """Initialise a Llama-architecture causal LM for the tokenizer, from the seed alone."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        config = LlamaConfig(
            **{
                **DEFAULT_ARCHITECTURE,
                "max_position_embeddings": CONTEXT_LENGTH,
                "tie_word_embeddings": False,
                **architecture,
                "vocab_size": len(tokenizer),
                "bos_token_id": tokenizer.eos_token_id,
                "eos_token_id": tokenizer.eos_token_id,
                "pad_token_id": tokenizer.pad_token_id,
            }
        )
        model: nn.Module = LlamaForCausalLM(config)
    return model


def reinitialised(model: Any, seed: int) -> nn.Module:
    """Return a freshly initialised model of the same configuration."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        fresh: nn.Module = type(model)(model.config)
    return fresh.to(device=next(model.parameters()).device, dtype=next(model.parameters()).dtype)


def load_model(folder: Path, device: torch.device) -> Any:
    """Load a model in 32-bit precision (smaller steps than bf16 resolves matter here)."""
    try:
        model = AutoModelForCausalLM.from_pretrained(
            str(folder), dtype=torch.float32, local_files_only=True
        )
    except (OSError, ValueError, KeyError) as error:
        message = "the model folder cannot be opened as a causal language model"
        raise JobError(ErrorCode.MODEL_MISSING, message) from error
    return model.to(device).eval()  # type: ignore[arg-type]


def load_tokenizer(folder: Path) -> Any:
    """Load the tokenizer of a model folder."""
    try:
        return AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        message = "the model folder holds no tokenizer that can be opened"
        raise JobError(ErrorCode.MODEL_MISSING, message) from error


def save(model: Any, tokenizer: Any, folder: Path) -> None:
    """Write model and tokenizer as one transformers folder."""
    model.save_pretrained(str(folder), safe_serialization=True)
    tokenizer.save_pretrained(str(folder))
