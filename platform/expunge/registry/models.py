"""Datasets with their scope trees, models with their versions, and the lineage between them.

Labels of scope nodes (a patient's name, say) are personal data: encrypted, with a keyed blind
index for exact search. Records are kept by position and digest only; their text stays in the
dataset.
"""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models

from expunge.accounts.models import Controller
from expunge.common.fields import EncryptedTextField
from expunge.common.models import BaseModel, ImmutableModel


class Arm(models.TextChoices):
    """What the coin flip at ingestion said about a data subject."""

    TRAINED = "trained", "Trained on"
    TWIN = "twin", "Never trained on (control)"
    PUBLIC = "public", "Public"


class Dataset(BaseModel):
    """A collection of records whose hierarchy has named levels, coarsest first."""

    controller = models.ForeignKey(Controller, on_delete=models.PROTECT, related_name="datasets")
    name = models.CharField(max_length=200)
    levels = ArrayField(models.CharField(max_length=60))
    subject_level = models.PositiveSmallIntegerField()

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["controller", "name"], name="dataset_name_once"),
        ]

    def __str__(self) -> str:
        return self.name


class DatasetVersion(ImmutableModel):
    """One immutable state of a dataset: where it lies, its digest, and the sealed coin flips."""

    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    uri = models.CharField(max_length=500)
    digest = models.CharField(max_length=71)
    assignment_digest = models.CharField(max_length=71)
    seed = models.BigIntegerField()
    forms = ArrayField(models.CharField(max_length=40))
    record_count = models.PositiveBigIntegerField()

    class Meta:
        ordering: ClassVar = ["dataset", "-number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["dataset", "number"], name="dataset_version_once"),
        ]

    def __str__(self) -> str:
        return f"{self.dataset} v{self.number}"


class ScopeNode(BaseModel):
    """A node of a dataset's hierarchy, by materialised path.

    ``path`` joins fixed-width base-36 ordinals with dots and is compared byte by byte, so that a
    subtree is one index range: from ``path`` up to, and without, ``path + '/'``.
    """

    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="nodes")
    parent = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="children")
    path = models.CharField(max_length=200, db_collation="C")
    depth = models.PositiveSmallIntegerField()
    label = EncryptedTextField()
    label_index = models.BinaryField(max_length=32)

    class Meta:
        ordering: ClassVar = ["dataset", "path"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["dataset", "path"], name="node_path_once"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["dataset", "label_index"], name="node_label"),
            models.Index(fields=["dataset", "parent", "path"], name="node_children"),
        ]

    @property
    def level(self) -> str:
        """Return the name of the level this node stands on."""
        return str(self.dataset.levels[self.depth])


class Record(models.Model):
    """A record of one dataset version: the node that owns it, its place and its digest."""

    id = models.BigAutoField(primary_key=True)
    version = models.ForeignKey(DatasetVersion, on_delete=models.PROTECT, related_name="records")
    node = models.ForeignKey(ScopeNode, on_delete=models.PROTECT, related_name="records")
    key = models.CharField(max_length=200)
    position = models.PositiveBigIntegerField()
    digest = models.CharField(max_length=71)
    arm = models.CharField(max_length=10, choices=Arm.choices)

    class Meta:
        ordering: ClassVar = ["version", "position"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["version", "position"], name="record_position_once"),
            models.UniqueConstraint(fields=["version", "key"], name="record_key_once"),
        ]
        indexes: ClassVar = [models.Index(fields=["node", "version", "arm"], name="record_node")]

    def __str__(self) -> str:
        return self.key


class Model(BaseModel):
    """A model as its users know it, whatever its version."""

    controller = models.ForeignKey(Controller, on_delete=models.PROTECT, related_name="models")
    name = models.CharField(max_length=200)
    family = models.CharField(max_length=40, default="causal_lm")
    description = models.TextField(blank=True)

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["controller", "name"], name="model_name_once"),
        ]

    def __str__(self) -> str:
        return self.name


class ModelVersion(ImmutableModel):
    """One immutable artifact: where it lies, its manifest and digest, its parent and its recipe.

    ``recipe`` is a :class:`contract.job.Recipe` as JSON: enough to train it again.
    ``effect`` says how it came about when an erasure made it, else it is empty.
    """

    model = models.ForeignKey(Model, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    uri = models.CharField(max_length=500)
    digest = models.CharField(max_length=71)
    manifest = models.JSONField()
    layout = models.CharField(max_length=10, default="whole")
    parent = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="children")
    recipe = models.JSONField(default=dict)
    method = models.CharField(max_length=40, blank=True)
    effect = models.CharField(max_length=30, blank=True)

    class Meta:
        ordering: ClassVar = ["model", "-number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["model", "number"], name="model_version_once"),
        ]

    def __str__(self) -> str:
        return f"{self.model} v{self.number}"


class TrainingUse(ImmutableModel):
    """A model version was trained on one arm of a dataset version."""

    model_version = models.ForeignKey(
        ModelVersion, on_delete=models.PROTECT, related_name="training_uses"
    )
    dataset_version = models.ForeignKey(
        DatasetVersion, on_delete=models.PROTECT, related_name="training_uses"
    )
    arm = models.CharField(max_length=10, choices=Arm.choices)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["model_version", "dataset_version", "arm"], name="training_use_once"
            ),
        ]


class Erasure(ImmutableModel):
    """What below ``node`` a model version, made by a verified erasure, no longer holds.

    Descendants of the version inherit it; versions beside it do not.
    """

    model_version = models.ForeignKey(
        ModelVersion, on_delete=models.PROTECT, related_name="erasures"
    )
    node = models.ForeignKey(ScopeNode, on_delete=models.PROTECT, related_name="erasures")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["model_version", "node"], name="erasure_once"),
        ]
