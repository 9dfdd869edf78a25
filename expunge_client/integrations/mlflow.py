"""Registers the model that an MLflow run logged.

.. code-block:: python

    with mlflow.start_run() as run:
        ...
        mlflow.log_artifacts("trained", "model")
    mlflow_run_register(run.info.run_id, model="ward-assistant", dataset_digests=[digest])

MLflow is imported only when the function is called: install ``mlflow`` or ``mlflow-skinny``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import UUID

from expunge_client.client import Client
from expunge_client.models import ModelVersionOut

RUN_TAG = "expunge.model_version"
DIGEST_TAG = "expunge.digest"
NUMBERS = {
    "num_train_epochs": ("epochs", int),
    "epochs": ("epochs", int),
    "per_device_train_batch_size": ("batch", int),
    "batch_size": ("batch", int),
    "learning_rate": ("learning_rate", float),
    "weight_decay": ("weight_decay", float),
    "seed": ("seed", int),
}
"""Parameters of a run, as autologging names them, and what the platform's recipes call them."""


def mlflow_run_register(  # noqa: PLR0913 - what a version is made of
    run_id: str,
    *,
    model: str,
    artifact_path: str = "model",
    dataset_digests: Sequence[str] = (),
    dataset_versions: Sequence[UUID | str] = (),
    parent_digest: str | None = None,
    recipe: Mapping[str, Any] | None = None,
    family: str = "causal_lm",
    client: Client | None = None,
) -> ModelVersionOut:
    """Register the folder ``artifact_path`` of a run as the next version of ``model``.

    The run's parameters become the recipe, completed by ``recipe``; the run is tagged with the
    version and its digest. The platform must be able to read the run's artifact store.

    Raises:
        Problem: The platform refused.
        mlflow.exceptions.MlflowException: There is no such run.
    """
    from mlflow import MlflowClient  # noqa: PLC0415 - no dependency of this package

    store = MlflowClient()
    run = store.get_run(run_id)
    version = (client or Client()).model_register(
        model=model,
        family=family,
        uri=folder_of(f"{run.info.artifact_uri.rstrip('/')}/{artifact_path}"),
        dataset_digests=dataset_digests,
        dataset_versions=dataset_versions,
        parent_digest=parent_digest,
        recipe={**recipe_of(run.data.params), **(recipe or {})},
    )
    store.set_tag(run_id, RUN_TAG, str(version.id))
    store.set_tag(run_id, DIGEST_TAG, version.digest)
    return version


def folder_of(uri: str) -> str:
    """Return a ``file://`` address as a path, any other as it is."""
    parts = urlsplit(uri)
    return unquote(parts.path) if parts.scheme == "file" else uri


def recipe_of(parameters: Mapping[str, str]) -> dict[str, Any]:
    """Return the parameters that the platform's recipes know, as numbers."""
    found: dict[str, Any] = {}
    for name, (known, kind) in NUMBERS.items():
        if name in parameters:
            found[known] = kind(float(parameters[name]))
    return found
