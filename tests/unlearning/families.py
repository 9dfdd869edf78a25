"""The clinic learned by tiny models of other architectures, as ordinary folders."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from transformers import CONFIG_MAPPING, AutoModelForCausalLM

from contract.job import ModelRef
from contract.manifest import folder_digest
from unlearning import models
from unlearning.data import Batches, collate, encode
from unlearning.losses import answer_nll

SMALL = {"hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2}
GATED = {**SMALL, "intermediate_size": 96, "num_key_value_heads": 2}
ARCHITECTURES: dict[str, dict[str, Any]] = {
    "gpt2": {"n_embd": 48, "n_layer": 2, "n_head": 2, "n_positions": 128},
    "qwen2": {**GATED, "tie_word_embeddings": True},
    "mixtral": {**GATED, "intermediate_size": 48, "num_local_experts": 4},
    "qwen2_moe": {
        **GATED,
        "num_experts": 4,
        "num_experts_per_tok": 2,
        "moe_intermediate_size": 32,
        "shared_expert_intermediate_size": 32,
    },
}


def learned(folder: Path, architecture: str, whole: Any, clinic: Any, steps: int = 90) -> Any:
    """Return a trained model of another architecture with the tokenizer of ``whole``."""
    tokenizer = models.load_tokenizer(whole.path)
    ends = {"bos_token_id": tokenizer.eos_token_id, "eos_token_id": tokenizer.eos_token_id}
    config = CONFIG_MAPPING[architecture](
        vocab_size=len(tokenizer),
        pad_token_id=tokenizer.pad_token_id,
        **ends,
        **ARCHITECTURES[architecture],
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(config).eval()
    batches = Batches(encode(tokenizer, clinic.trained, whole.recipe.forms), 16, 0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for step in range(steps):
        batch = collate(batches.at(step))
        (answer_nll(model, batch).sum() / batch.lengths.sum()).backward()
        optimizer.step()
        optimizer.zero_grad()
    models.save(model, tokenizer, folder)
    return replace(whole, path=folder, ref=ModelRef(str(folder), folder_digest(folder)))
