"""Telling of a training run in one call."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from expunge.accounts.permissions import Permission
from expunge.api.resource import Resource
from expunge.api.v1 import examples
from expunge.api.v1.models import ModelVersionOut
from expunge.registry import pipelines, selectors
from expunge.registry.models import Arm, DatasetVersion, ModelVersion

DIGEST = r"^sha256:[0-9a-f]{64}$"


class TrainedOnIn(serializers.Serializer[Any]):
    """A dataset version, by its id or by the digest of its files."""

    dataset_version = serializers.UUIDField(required=False)
    digest = serializers.RegexField(DIGEST, required=False)
    arm = serializers.ChoiceField(Arm.choices, default=Arm.TRAINED)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Take exactly one of the two names."""
        if ("dataset_version" in attrs) == ("digest" in attrs):
            raise serializers.ValidationError("Give 'dataset_version' or 'digest', one of them.")
        return attrs


class TrainingRunIn(serializers.Serializer[Any]):
    """Where the artifact lies, what it was trained on and how, and what it was made from."""

    model = serializers.CharField(max_length=200, help_text="A new name makes a new model.")
    family = serializers.CharField(max_length=40, default="causal_lm")
    uri = serializers.CharField(max_length=500)
    layout = serializers.ChoiceField(["whole", "sharded"], default="whole")
    recipe = serializers.DictField(default=dict)
    trained_on = TrainedOnIn(many=True, allow_empty=True)
    parent = serializers.UUIDField(required=False, allow_null=True, default=None)  # type: ignore[assignment]
    parent_digest = serializers.RegexField(DIGEST, required=False, allow_null=True, default=None)


class TrainingRuns(Resource):
    """Model versions, by the name of their model."""

    needs: ClassVar = {"POST": [{Permission.REGISTRY_VIEW, Permission.REGISTRY_WRITE}]}

    @extend_schema(
        operation_id="training_runs_register",
        request=TrainingRunIn,
        responses={201: ModelVersionOut, 200: ModelVersionOut},
        examples=[
            examples.sent("A fine-tuned model", examples.TRAINING_RUN),
            examples.answered("Its version", examples.MODEL_VERSION, 200, 201),
        ],
    )
    def post(self, request: Request) -> Response:
        """Register what a training run made; 200 when exactly these files are registered already.

        The model is made when there is none of this name. A pipeline may call this as often as it
        likes.
        """
        given = self.read(TrainingRunIn)
        version, fresh = pipelines.training_run_register(
            actor=self.actor,
            controller_id=self.controller_id,
            name=given["model"],
            family=given["family"],
            uri=given["uri"],
            layout=given["layout"],
            recipe=given["recipe"],
            uses=[(self._dataset(use), use["arm"]) for use in given["trained_on"]],
            parent=self._parent(given["parent"], given["parent_digest"]),
        )
        return Response(ModelVersionOut(version).data, status=201 if fresh else 200)

    def _dataset(self, use: dict[str, Any]) -> DatasetVersion:
        if "digest" in use:
            return pipelines.dataset_version_by_digest(self.actor, use["digest"])
        return selectors.dataset_version_get(self.actor, use["dataset_version"])

    def _parent(self, parent_id: UUID | None, digest: str | None) -> ModelVersion | None:
        if parent_id is not None:
            return selectors.model_version_get(self.actor, parent_id)
        return pipelines.model_version_by_digest(self.actor, digest) if digest else None
