from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from unlearning import models
from unlearning.data import collate, encode
from unlearning.losses import answer_nll
from unlearning.reference import ReferenceCache

CPU = torch.device("cpu")


class Untouchable:
    """A model that must not be asked."""

    def __getattr__(self, name: str) -> object:
        message = f"the model was asked for {name}"
        raise AssertionError(message)


def test_a_hit_equals_the_live_computation(whole: Any, clinic: Any, tmp_path: Path) -> None:
    tokenizer, model = models.load_tokenizer(whole.path), models.load_model(whole.path, CPU)
    samples = encode(tokenizer, clinic.forget, whole.recipe.forms)
    assert ReferenceCache(tmp_path, whole.ref.digest, tokenizer).fill(model, samples, CPU) == len(
        samples
    )
    again = ReferenceCache(tmp_path, whole.ref.digest, tokenizer)
    assert again.fill(Untouchable(), samples, CPU) == 0
    live = answer_nll(model, collate(samples)).detach()
    assert torch.allclose(again.at(samples), live, atol=1e-4)


def test_another_model_finds_nothing(whole: Any, clinic: Any, tmp_path: Path) -> None:
    tokenizer, model = models.load_tokenizer(whole.path), models.load_model(whole.path, CPU)
    samples = encode(tokenizer, clinic.forget, whole.recipe.forms)
    ReferenceCache(tmp_path, whole.ref.digest, tokenizer).fill(model, samples, CPU)
    other = ReferenceCache(tmp_path, "sha256:" + "0" * 64, tokenizer)
    with pytest.raises(KeyError):
        other.at(samples)


def test_the_cache_holds_digests_and_numbers_only(whole: Any, clinic: Any, tmp_path: Path) -> None:
    tokenizer, model = models.load_tokenizer(whole.path), models.load_model(whole.path, CPU)
    samples = encode(tokenizer, clinic.forget, whole.recipe.forms)
    ReferenceCache(tmp_path, whole.ref.digest, tokenizer).fill(model, samples, CPU)
    text = "".join(path.read_text() for path in tmp_path.iterdir())
    for record in clinic.forget:
        assert record.id not in text
        assert all(
            form.answer not in text for form in record.forms.values() if len(form.answer) > 4
        )
