"""What several resources say alike."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers


class PersonOut(serializers.Serializer[Any]):
    """A member of staff."""

    id = serializers.UUIDField()
    name = serializers.CharField()


class NodeOut(serializers.Serializer[Any]):
    """A node of a dataset's tree. ``label`` is personal data."""

    id = serializers.UUIDField(source="pk")
    dataset = serializers.UUIDField(source="dataset_id")
    parent = serializers.UUIDField(source="parent_id", allow_null=True)  # type: ignore[assignment]
    level = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    place = serializers.CharField(source="path")


class AlertRef(serializers.Serializer[Any]):
    """An alert that a version raised: someone who was erased is, or may be, back."""

    id = serializers.UUIDField(source="pk")
    kind = serializers.CharField()
    state = serializers.CharField()
    ticket = serializers.UUIDField(source="ticket_id")


class VersionRef(serializers.Serializer[Any]):
    """A model version by its name."""

    id = serializers.UUIDField(source="pk")
    model = serializers.UUIDField(source="model_id")
    name = serializers.CharField(source="__str__")
    number = serializers.IntegerField()
    digest = serializers.CharField()
