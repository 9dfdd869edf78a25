"""Models and their versions: list, get, register from a training pipeline."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from expunge.accounts.permissions import Permission
from expunge.api.resource import ListResource, Resource
from expunge.api.v1.fields import AlertRef
from expunge.registry import selectors
from expunge.registry.models import Arm, Model, ModelVersion
from expunge.registry.services import model_register, model_version_register


class UseOut(serializers.Serializer[Any]):
    """A dataset version and the arm of it that was trained on."""

    dataset_version = serializers.UUIDField(source="dataset_version_id")
    arm = serializers.CharField()


class ErasureOut(serializers.Serializer[Any]):
    """A node whose records this version no longer holds."""

    node = serializers.UUIDField(source="node_id")


class ModelVersionOut(serializers.Serializer[Any]):
    """One immutable version. ``trained_on`` is its own; what its parent held it holds too.

    ``alerts`` say that it holds someone who was erased before.
    """

    id = serializers.UUIDField(source="pk")
    model = serializers.UUIDField(source="model_id")
    number = serializers.IntegerField()
    uri = serializers.CharField()
    digest = serializers.CharField()
    layout = serializers.CharField()
    parent = serializers.UUIDField(source="parent_id", allow_null=True)  # type: ignore[assignment]
    method = serializers.CharField()
    effect = serializers.CharField()
    recipe = serializers.JSONField()
    trained_on = UseOut(many=True, source="training_uses.all")
    erased = ErasureOut(many=True, source="erasures.all")
    alerts = AlertRef(many=True, source="alerts.all")
    created_at = serializers.DateTimeField()


class ModelOut(serializers.Serializer[Any]):
    """A model, whatever its version."""

    id = serializers.UUIDField(source="pk")
    name = serializers.CharField()
    family = serializers.CharField()
    description = serializers.CharField()
    created_at = serializers.DateTimeField()


class ModelIn(serializers.Serializer[Any]):
    """A new model."""

    name = serializers.CharField(max_length=200)
    family = serializers.CharField(max_length=40, default="causal_lm")
    description = serializers.CharField(
        max_length=4000, required=False, default="", allow_blank=True
    )


class UseIn(serializers.Serializer[Any]):
    """What the version was trained on."""

    dataset_version = serializers.UUIDField()
    arm = serializers.ChoiceField(Arm.choices, default=Arm.TRAINED)


class ModelVersionIn(serializers.Serializer[Any]):
    """A new version: where the artifact lies, and what it was trained on.

    ``recipe`` is enough to train it again.
    """

    uri = serializers.CharField(max_length=500)
    layout = serializers.ChoiceField(["whole", "sharded"], default="whole")
    recipe = serializers.DictField(default=dict)
    trained_on = UseIn(many=True, allow_empty=True)
    parent = serializers.UUIDField(required=False, allow_null=True, default=None)  # type: ignore[assignment]


class Models(ListResource[Model]):
    """The models of the token's organisation."""

    needs: ClassVar = {"GET": [{Permission.REGISTRY_VIEW}], "POST": [{Permission.REGISTRY_WRITE}]}
    serializer_class = ModelOut

    @extend_schema(operation_id="models_list")
    def get(self, request: Request) -> Response:
        """List models."""
        return self.listing(selectors.models_visible(self.actor))

    @extend_schema(operation_id="models_register", request=ModelIn, responses={201: ModelOut})
    def post(self, request: Request) -> Response:
        """Register a model by its name; its versions follow."""
        model = model_register(
            actor=self.actor, controller_id=self.controller_id, **self.read(ModelIn)
        )
        return Response(ModelOut(model).data, status=201)


class OneModel(Resource):
    """One model."""

    needs: ClassVar = {"GET": [{Permission.REGISTRY_VIEW}]}

    @extend_schema(operation_id="models_get", responses=ModelOut)
    def get(self, request: Request, model_id: UUID) -> Response:
        """Return a model."""
        return Response(ModelOut(selectors.model_get(self.actor, model_id)).data)


class ModelVersions(Resource):
    """The versions of a model."""

    needs: ClassVar = {
        "GET": [{Permission.REGISTRY_VIEW}],
        "POST": [{Permission.REGISTRY_VIEW, Permission.REGISTRY_WRITE}],
    }

    @extend_schema(operation_id="model_versions_list", responses={200: ModelVersionOut(many=True)})
    def get(self, request: Request, model_id: UUID) -> Response:
        """List a model's versions with their lineage, oldest first."""
        return Response(ModelVersionOut(selectors.lineage(self.actor, model_id), many=True).data)

    @extend_schema(
        operation_id="model_versions_register",
        request=ModelVersionIn,
        responses={201: ModelVersionOut},
    )
    def post(self, request: Request, model_id: UUID) -> Response:
        """Register the artifact of a training run as the model's next version."""
        given = self.read(ModelVersionIn)
        version = model_version_register(
            actor=self.actor,
            model=selectors.model_get(self.actor, model_id),
            uri=given["uri"],
            layout=given["layout"],
            recipe=given["recipe"],
            uses=[
                (selectors.dataset_version_get(self.actor, use["dataset_version"]), use["arm"])
                for use in given["trained_on"]
            ],
            parent=self._parent(given["parent"]),
        )
        return Response(ModelVersionOut(version).data, status=201)

    def _parent(self, parent_id: UUID | None) -> ModelVersion | None:
        return selectors.model_version_get(self.actor, parent_id) if parent_id else None


class OneModelVersion(Resource):
    """One model version."""

    needs: ClassVar = {"GET": [{Permission.REGISTRY_VIEW}]}

    @extend_schema(operation_id="model_versions_get", responses=ModelVersionOut)
    def get(self, request: Request, version_id: UUID) -> Response:
        """Return a model version."""
        return Response(ModelVersionOut(selectors.model_version_get(self.actor, version_id)).data)
