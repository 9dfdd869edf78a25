"""A callback for Hugging Face's Trainer that registers what a run made.

.. code-block:: python

    trainer = Trainer(..., callbacks=[ExpungeCallback("ward-assistant", [digest_of_the_dataset])])
    trainer.train()

At the end of training the model is saved below the run's output folder and registered with the
datasets it was trained on and its hyper-parameters. A platform that cannot be reached does not
lose the training: the error is logged, and ``version`` stays ``None``, unless ``strict``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from expunge_client.client import Client
from expunge_client.errors import ExpungeError
from expunge_client.models import ModelVersionOut

logger = logging.getLogger(__name__)
FOLDER = "expunge"


class ExpungeCallback(TrainerCallback):
    """Registers the trained model as the next version of ``model``.

    ``where`` turns the folder into the URI under which the platform finds it (upload it there);
    without it the platform must see the same file system. ``recipe`` completes or replaces what
    is read from the training arguments. In a run of several processes only the first registers.
    """

    def __init__(  # noqa: PLR0913 - what a version is made of
        self,
        model: str,
        dataset_digests: Sequence[str] = (),
        *,
        dataset_versions: Sequence[UUID | str] = (),
        parent_digest: str | None = None,
        recipe: Mapping[str, Any] | None = None,
        family: str = "causal_lm",
        where: Callable[[Path], str] | None = None,
        client: Client | None = None,
        strict: bool = False,
    ) -> None:
        self.version: ModelVersionOut | None = None
        self._model, self._family, self._parent = model, family, parent_digest
        self._digests, self._versions = tuple(dataset_digests), tuple(dataset_versions)
        self._recipe = dict(recipe or {})
        self._where = where or (lambda folder: str(folder.resolve()))
        self._client, self._strict = client, strict

    def on_train_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Save the model, then tell the platform."""
        del control
        if not state.is_world_process_zero:
            return
        folder = Path(str(args.output_dir)) / FOLDER
        model, words = kwargs["model"], kwargs.get("processing_class")
        getattr(model, "module", model).save_pretrained(folder)
        if words is not None:
            words.save_pretrained(folder)
        try:
            self._tell(folder, {**recipe_of(args), **self._recipe})
        except ExpungeError:
            if self._strict:
                raise
            logger.exception("The model in %s is trained and saved but not registered", folder)

    def _tell(self, folder: Path, recipe: Mapping[str, Any]) -> None:
        client = self._client or Client()
        self.version = client.model_register(
            model=self._model,
            family=self._family,
            uri=self._where(folder),
            dataset_digests=self._digests,
            dataset_versions=self._versions,
            parent_digest=self._parent,
            recipe=recipe,
        )
        logger.info("Registered as version %d (%s)", self.version.number, self.version.digest)


def recipe_of(args: TrainingArguments) -> dict[str, Any]:
    """Return the hyper-parameters that the platform's recipes know."""
    return {
        "epochs": max(1, round(args.num_train_epochs)),
        "batch": int(args.per_device_train_batch_size),
        "learning_rate": float(args.learning_rate),
        "warmup": int(args.get_warmup_steps(args.max_steps) if args.max_steps > 0 else 0),
        "weight_decay": float(args.weight_decay),
        "seed": int(args.seed),
    }
