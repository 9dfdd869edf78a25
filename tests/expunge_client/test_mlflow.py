"""A real MLflow run is registered (``pip install expunge[mlflow]``; skipped without it)."""

from __future__ import annotations

from pathlib import Path

import pytest

from expunge.registry.models import ModelVersion
from expunge_client import Client
from expunge_client.integrations.mlflow import folder_of, mlflow_run_register, recipe_of
from tests.expunge.factories import model_folder


def test_what_a_run_logged_becomes_a_version(
    carol: Client, digest: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow.set_tracking_uri((tmp_path / "runs").as_uri())
    with mlflow.start_run() as run:
        mlflow.log_params({"learning_rate": 0.001, "num_train_epochs": 3, "optimizer": "adamw"})
        mlflow.log_artifacts(str(model_folder(tmp_path / "trained")), "model")
    version = mlflow_run_register(
        run.info.run_id, model="ward-assistant", dataset_digests=[digest], client=carol
    )
    stored = ModelVersion.objects.get()
    assert stored.pk == version.id and stored.recipe["epochs"] == 3
    assert {entry["path"] for entry in stored.manifest} == {"config.json", "model.safetensors"}
    tags = mlflow.get_run(run.info.run_id).data.tags
    assert tags["expunge.model_version"] == str(version.id)
    assert tags["expunge.digest"] == version.digest


def test_parameters_are_read_as_numbers() -> None:
    logged = {"learning_rate": "1e-3", "num_train_epochs": "3.0", "optimizer": "adamw"}
    assert recipe_of(logged) == {"learning_rate": 1e-3, "epochs": 3}


def test_an_address_of_a_folder_is_its_path() -> None:
    assert folder_of("file:///data/a%20run/model") == "/data/a run/model"
    assert folder_of("s3://bucket/model") == "s3://bucket/model"
