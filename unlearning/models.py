"""Small causal language models and their tokenizers, made from nothing.

A model gets its own byte-level BPE tokenizer, trained on the texts the model is trained on and on
nothing else: a vocabulary is a trace of its texts too. How models are loaded and saved is the
business of :mod:`unlearning.folders`, whose names are here too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from tokenizers import ByteLevelBPETokenizer
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from contract.record import Record
from unlearning import packing
from unlearning.folders import Stack, load_model, load_tokenizer, save, save_result

__all__ = [
    "Stack",
    "load_model",
    "load_tokenizer",
    "new_model",
    "new_tokenizer",
    "reinitialised",
    "save",
    "save_result",
]

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
    packing.allow(model)
    return model


def reinitialised(model: Any, seed: int) -> nn.Module:
    """Return a freshly initialised model of the same configuration."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        fresh: nn.Module = type(model)(model.config)
    return fresh.to(device=next(model.parameters()).device, dtype=next(model.parameters()).dtype)
