"""The rows of the log.

The SQL function ``audit_append`` is the only way in: a trigger calls it at the commit for what a
transaction put into ``audit_pending``. Triggers refuse UPDATE, DELETE and TRUNCATE, so
``manage.py flush`` fails on a database that holds a log.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import connection, models

from expunge.common.models import BaseModel, ImmutableModel


class LeafManager(models.Manager["Leaf"]):
    """Reads the log as it stands, with what the present transaction has recorded so far."""

    def get_queryset(self) -> models.QuerySet[Leaf]:
        """Append what waits for the commit first; from then on entries are appended at once."""
        if connection.in_atomic_block and not connection.needs_rollback:
            with connection.cursor() as cursor:
                cursor.execute("SET CONSTRAINTS audit_pending_appended IMMEDIATE")
        return super().get_queryset()


class Leaf(models.Model):
    """One entry. ``data`` are the hashed bytes; the other columns repeat them for searching.

    ``seq`` counts from 0 without a gap and is the entry's index in the Merkle tree.
    """

    seq = models.BigIntegerField(primary_key=True)
    leaf_hash = models.BinaryField(max_length=32)
    data = models.BinaryField()
    action = models.CharField(max_length=60)
    occurred_at = models.DateTimeField()
    controller_id = models.UUIDField(null=True)
    actor = models.CharField(max_length=80)
    role = models.CharField(max_length=40)
    ticket_id = models.UUIDField(null=True)

    objects: ClassVar[LeafManager] = LeafManager()

    class Meta:
        db_table = "audit_leaf"
        ordering: ClassVar = ["seq"]
        indexes: ClassVar = [
            models.Index(fields=["controller_id", "-seq"], name="leaf_controller"),
            models.Index(
                fields=["ticket_id", "seq"],
                name="leaf_ticket",
                condition=models.Q(ticket_id__isnull=False),
            ),
            models.Index(fields=["action", "seq"], name="leaf_action"),
        ]

    def __str__(self) -> str:
        return f"{self.seq} {self.action}"


class Node(models.Model):
    """The hash of a complete subtree of ``2**level`` leaves (``level`` from 1)."""

    pk = models.CompositePrimaryKey("level", "index")
    level = models.SmallIntegerField()
    index = models.BigIntegerField()
    hash = models.BinaryField(max_length=32)

    class Meta:
        db_table = "audit_node"

    def __str__(self) -> str:
        return f"{self.level}:{self.index}"


class Checkpoint(models.Model):
    """A signed note about the log at one size, and its RFC 3161 timestamp token."""

    size = models.BigIntegerField(primary_key=True)
    note = models.TextField()
    token = models.BinaryField()
    signed_at = models.DateTimeField()

    class Meta:
        db_table = "audit_checkpoint"
        ordering: ClassVar = ["size"]

    def __str__(self) -> str:
        return f"checkpoint at {self.size}"

    @property
    def cosigner_lines(self) -> str:
        """Return the lines that cosigners added, in the order in which they came."""
        # Sorted here, so that whoever reads many checkpoints can fetch the lines of all at once.
        found = sorted(self.cosignatures.all(), key=lambda item: (item.created_at, item.pk))
        return "".join(item.line for item in found)


class Cosigner(BaseModel):
    """Someone outside who cosigns checkpoints: a name and a public key (C2SP cosignature/v1)."""

    name = models.CharField(max_length=200)
    public = models.CharField(max_length=300, unique=True)
    retired_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["name", "created_at"]

    def __str__(self) -> str:
        return self.name


class Cosignature(ImmutableModel):
    """A cosigner's line on a checkpoint; ``signed_at`` is what the cosigner says."""

    checkpoint = models.ForeignKey(
        Checkpoint, on_delete=models.PROTECT, related_name="cosignatures", db_constraint=False
    )
    cosigner = models.ForeignKey(Cosigner, on_delete=models.PROTECT, related_name="cosignatures")
    line = models.CharField(max_length=500)
    signed_at = models.DateTimeField()

    class Meta:
        db_table = "audit_cosignature"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["checkpoint", "cosigner"], name="cosigned_once"),
        ]

    def __str__(self) -> str:
        return f"{self.cosigner} on {self.checkpoint_id}"


class KnownKey(ImmutableModel):
    """A public key whose introduction the log records."""

    purpose = models.CharField(max_length=40)
    key_id = models.CharField(max_length=71)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["purpose", "key_id"], name="key_introduced_once"),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} {self.key_id}"


class LogCheck(models.Model):
    """A replay of the whole log that somebody asked for, and what it found.

    It runs beside the pages, for it reads every entry. ``ended_at`` is empty until it is over.
    """

    id = models.BigAutoField(primary_key=True)
    asked_at = models.DateTimeField(auto_now_add=True)
    asked_by = models.CharField(max_length=80)
    ended_at = models.DateTimeField(null=True)
    size = models.BigIntegerField(default=0)
    root = models.CharField(max_length=64, blank=True)
    checkpoints = models.BigIntegerField(default=0)
    faults = models.JSONField(default=list)

    class Meta:
        ordering: ClassVar = ["-pk"]

    def __str__(self) -> str:
        return f"check {self.pk}"
