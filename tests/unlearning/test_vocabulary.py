"""A new vocabulary keeps what both tokenizers spell alike, and knows no word of the forgotten."""

from __future__ import annotations

from typing import Any

import torch

from unlearning import models
from unlearning.vocabulary import carried_over


def test_shared_tokens_keep_their_rows_and_everything_else_is_copied(
    whole: Any, clinic: Any
) -> None:
    before = models.load_tokenizer(whole.path)
    model = models.load_model(whole.path, torch.device("cpu"))
    after = models.new_tokenizer(clinic.retain, whole.recipe.forms, whole.recipe.vocabulary)
    made: Any = carried_over(model, before, after, seed=0)
    shared = set(before.get_vocab()) & set(after.get_vocab())
    assert shared and set(after.get_vocab()) - shared
    for token in sorted(shared)[:50]:
        row, old = after.get_vocab()[token], before.get_vocab()[token]
        for layer in ("get_input_embeddings", "get_output_embeddings"):
            assert torch.equal(
                getattr(made, layer)().weight[row], getattr(model, layer)().weight[old]
            )
    inner = "model.layers.0.mlp.down_proj.weight"
    assert torch.equal(made.state_dict()[inner], model.state_dict()[inner])
    assert made.config.vocab_size == len(after)
    assert made.config.eos_token_id == after.eos_token_id


def test_a_renewed_model_spells_with_the_retained_texts_alone(
    whole: Any, clinic: Any, make_job: Any, completed: Any
) -> None:
    folder = make_job("renew", whole, {"effort": 0.05})
    completed(folder)
    alone = models.new_tokenizer(clinic.retain, whole.recipe.forms, whole.recipe.vocabulary)
    assert models.load_tokenizer(folder / "output").get_vocab() == alone.get_vocab()
