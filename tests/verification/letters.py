"""An untrained model that reads any text, byte by byte: two layers and a few thousand weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

CHAT = "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}{% endfor %}<assistant>"
END = "<end>"


def tokenizer(*, chat: bool = False) -> Any:
    """Return a tokenizer of single bytes; with ``chat``, one that has a chat template."""
    alphabet = [END, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    plain = Tokenizer(models.BPE({sign: place for place, sign in enumerate(alphabet)}, []))
    plain.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    plain.decoder = decoders.ByteLevel()
    words = PreTrainedTokenizerFast(tokenizer_object=plain, eos_token=END)
    if chat:
        words.chat_template = CHAT
    return words


def saved(folder: Path, seed: int = 0, *, chat: bool = False, context: int = 512) -> Path:
    """Save an untrained model; the same for the same seed."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = LlamaForCausalLM(
            LlamaConfig(
                vocab_size=257,
                hidden_size=16,
                intermediate_size=24,
                num_hidden_layers=2,
                num_attention_heads=2,
                max_position_embeddings=context,
                eos_token_id=0,
                bos_token_id=0,
            )
        )
    model.save_pretrained(folder)
    tokenizer(chat=chat).save_pretrained(folder)
    return folder
