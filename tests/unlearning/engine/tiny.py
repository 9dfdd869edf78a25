"""Tiny models of several architectures and samples of random tokens for them."""

from __future__ import annotations

from typing import Any

import torch
from transformers import CONFIG_MAPPING, AutoModelForCausalLM

from unlearning.data import Batch, Sample, collate

VOCABULARY = 64
SMALL = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2}
GATED = {**SMALL, "intermediate_size": 48, "num_key_value_heads": 2}
ARCHITECTURES: dict[str, dict[str, Any]] = {
    "llama": GATED,
    "qwen2": GATED,
    "gemma2": {**GATED, "head_dim": 16, "final_logit_softcapping": 5.0},
    "phi": {**SMALL, "intermediate_size": 48},
    "gpt2": {"n_embd": 32, "n_layer": 3, "n_head": 2, "n_positions": 64},
    "gpt_neox": {**SMALL, "intermediate_size": 48},
    "opt": {
        **SMALL,
        "ffn_dim": 48,
        "word_embed_proj_dim": 32,
        "max_position_embeddings": 64,
    },
    "qwen2_moe": {
        **GATED,
        "num_experts": 4,
        "num_experts_per_tok": 2,
        "moe_intermediate_size": 16,
        "shared_expert_intermediate_size": 16,
    },
    "mixtral": {**GATED, "num_local_experts": 4},
}


def tiny(architecture: str, vocabulary: int = VOCABULARY, **changes: Any) -> Any:
    """Return a freshly made model of a few thousand parameters, the same every time."""
    settings = {"vocab_size": vocabulary, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 1}
    config = CONFIG_MAPPING[architecture](**settings, **ARCHITECTURES[architecture], **changes)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return AutoModelForCausalLM.from_config(config).eval()


def lesson(count: int = 6, vocabulary: int = VOCABULARY, seed: int = 3) -> list[Sample]:
    """Return samples of random tokens, of different lengths."""
    generator = torch.Generator().manual_seed(seed)
    made = []
    for number in range(count):
        prompt, answer = (int(torch.randint(2, 6, (), generator=generator)) for _ in range(2))
        ids = torch.randint(2, vocabulary, (prompt + answer,), generator=generator).tolist()
        made.append(Sample(str(number), "question", tuple(ids), prompt))
    return made


def batch(count: int = 6, vocabulary: int = VOCABULARY) -> Batch:
    """Return one batch of such samples."""
    return collate(lesson(count, vocabulary))
