"""A real Trainer trains a tiny model and the platform learns of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments

from expunge.registry.models import ModelVersion
from expunge_client import Client, ExpungeError
from expunge_client.integrations.transformers import ExpungeCallback

pytestmark = pytest.mark.training


class Words(torch.utils.data.Dataset[dict[str, torch.Tensor]]):
    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        words = torch.arange(index, index + 8) % 32
        return {"input_ids": words, "labels": words}


def train(folder: Path, callback: ExpungeCallback) -> None:
    sizes: Any = {"n_layer": 1, "n_head": 1, "n_embd": 8, "vocab_size": 32, "n_positions": 8}
    arguments = TrainingArguments(
        output_dir=str(folder),
        max_steps=2,
        per_device_train_batch_size=4,
        learning_rate=1e-3,
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
        save_strategy="no",
    )
    model = GPT2LMHeadModel(GPT2Config(**sizes))
    Trainer(model=model, args=arguments, train_dataset=Words(), callbacks=[callback]).train()


def test_the_end_of_training_registers_the_version(
    carol: Client, digest: str, tmp_path: Path
) -> None:
    callback = ExpungeCallback("ward-assistant", [digest], client=carol)
    train(tmp_path / "run", callback)
    version = ModelVersion.objects.get()
    assert callback.version is not None and callback.version.id == version.pk
    assert (version.recipe["learning_rate"], version.recipe["batch"]) == (1e-3, 4)
    assert version.training_uses.get().dataset_version.digest == digest
    assert {entry["path"] for entry in version.manifest} >= {"config.json", "model.safetensors"}


def test_a_platform_that_is_away_loses_no_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("expunge_client.transport.FIRST_WAIT", 0.001)
    away = Client("http://127.0.0.1:9", "x")
    callback = ExpungeCallback("ward-assistant", client=away)
    train(tmp_path / "run", callback)
    assert callback.version is None and "not registered" in caplog.text
    assert (tmp_path / "run" / "expunge" / "model.safetensors").exists()
    with pytest.raises(ExpungeError):
        train(tmp_path / "again", ExpungeCallback("ward-assistant", client=away, strict=True))
