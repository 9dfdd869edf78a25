"""Datasets with their scope trees, models with their versions, and the lineage between them.

Labels of scope nodes (a patient's name, say) are personal data: encrypted, with a keyed blind
index for exact search. Records are kept by position and digest only; their text stays in the
dataset.
"""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from expunge.accounts.models import Controller, User
from expunge.common.fields import EncryptedTextField
from expunge.common.models import BaseModel, ImmutableModel


class Arm(models.TextChoices):
    """What the coin flip at ingestion said about a data subject."""

    TRAINED = "trained", _("Trained on")
    TWIN = "twin", _("Never trained on (control)")
    PUBLIC = "public", _("Public")


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
    def shown_label(self) -> str:
        """Return the label as pages show it; a person whose name was shredded goes by an id."""
        return self.label or gettext("erased, without a name (%(id)s)") % {"id": self.pk.hex[:8]}

    @property
    def level(self) -> str:
        """Return the name of the level this node stands on."""
        return str(self.dataset.levels[self.depth])


class ScopeCount(models.Model):
    """How many records stand at or below a node (:mod:`expunge.registry.counts`)."""

    node = models.OneToOneField(
        ScopeNode, on_delete=models.CASCADE, primary_key=True, related_name="counted"
    )
    records = models.PositiveBigIntegerField()

    def __str__(self) -> str:
        return str(self.records)


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


class SuppressionEntry(ImmutableModel):
    """Someone was erased, with a certificate: the pseudonymised memory of it.

    ``node`` is what was erased, or a data subject below it; ``label_index`` is the blind index of
    the data subject's label, by which the same person is found in another dataset. Both outlive
    the label itself. ``ticket_id`` is no foreign key: tickets live above this room.
    """

    controller = models.ForeignKey(Controller, on_delete=models.PROTECT, related_name="suppressed")
    node = models.ForeignKey(ScopeNode, on_delete=models.PROTECT, related_name="suppressed")
    label_index = models.BinaryField(max_length=32)
    level = models.CharField(max_length=60)
    ticket_id = models.UUIDField()
    certificate = models.CharField(max_length=40)

    class Meta:
        ordering: ClassVar = ["created_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["node", "ticket_id", "certificate"], name="suppressed_once"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["controller", "label_index"], name="suppressed_label"),
            models.Index(fields=["ticket_id"], name="suppressed_ticket"),
        ]


class AlertKind(models.TextChoices):
    """How someone who was erased seems to have come back."""

    DATASET_BRINGS_BACK = "dataset_brings_back", _("A dataset version holds an erased person again")
    MODEL_BRINGS_BACK = "model_brings_back", _("A model version holds an erased person again")
    POSSIBLE_MATCH = "possible_match", _("Another dataset holds someone of the same name")


class AlertState(models.TextChoices):
    """Where an alert stands."""

    OPEN = "open", _("Open")
    CONFIRMED = "confirmed", _("Confirmed")
    DISMISSED = "dismissed", _("Dismissed")
    RESOLVED = "resolved", _("Resolved")


class SuppressionAlert(BaseModel):
    """A registered version brings back, or may bring back, what one ticket erased.

    ``nodes`` are the nodes concerned, in the registered version's dataset. ``job_id`` is the
    erasure job that answers it, set by whoever makes that job.
    """

    controller = models.ForeignKey(Controller, on_delete=models.PROTECT, related_name="alerts")
    kind = models.CharField(max_length=20, choices=AlertKind.choices)
    state = models.CharField(max_length=10, choices=AlertState.choices, default=AlertState.OPEN)
    ticket_id = models.UUIDField()
    dataset_version = models.ForeignKey(
        DatasetVersion, on_delete=models.PROTECT, null=True, related_name="alerts"
    )
    model_version = models.ForeignKey(
        ModelVersion, on_delete=models.PROTECT, null=True, related_name="alerts"
    )
    restored_from = models.ForeignKey(
        ModelVersion, on_delete=models.PROTECT, null=True, related_name="+"
    )
    nodes = ArrayField(models.UUIDField())
    decided_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=40, blank=True)
    job_id = models.UUIDField(null=True)

    class Meta:
        ordering: ClassVar = ["-created_at"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(state__in=AlertState.values), name="alert_state_known"
            ),
            models.CheckConstraint(
                condition=models.Q(dataset_version__isnull=True)
                ^ models.Q(model_version__isnull=True),
                name="alert_is_about_one_version",
            ),
            models.UniqueConstraint(
                fields=["kind", "ticket_id", "dataset_version", "model_version"],
                nulls_distinct=False,
                name="alert_once",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["controller", "state", "-created_at"], name="alert_worklist"),
        ]
