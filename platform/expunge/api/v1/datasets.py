"""Datasets and the scopes of tickets: versions, trees, exact search, counts."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from expunge.accounts.permissions import Permission
from expunge.api.resource import ListResource, Resource
from expunge.api.v1.fields import AlertRef, NodeOut, VersionRef
from expunge.registry import selectors
from expunge.registry.counts import scope_counts
from expunge.registry.models import Dataset, ScopeNode
from expunge.registry.services import dataset_version_register

PAGE = 100


class DatasetVersionOut(serializers.Serializer[Any]):
    """One immutable state of a dataset; ``alerts`` say that someone erased stands in it again."""

    id = serializers.UUIDField(source="pk")
    dataset = serializers.UUIDField(source="dataset_id")
    number = serializers.IntegerField()
    uri = serializers.CharField()
    digest = serializers.CharField()
    assignment_digest = serializers.CharField()
    forms = serializers.ListField(child=serializers.CharField())
    record_count = serializers.IntegerField()
    alerts = AlertRef(many=True, source="alerts.all")
    created_at = serializers.DateTimeField()


class DatasetOut(serializers.Serializer[Any]):
    """A dataset; levels are named coarsest first, ``subject_level`` is where persons stand."""

    id = serializers.UUIDField(source="pk")
    name = serializers.CharField()
    levels = serializers.ListField(child=serializers.CharField())
    subject_level = serializers.IntegerField()
    versions = DatasetVersionOut(many=True, source="versions.all")


class DatasetIn(serializers.Serializer[Any]):
    """A dataset folder to register as the next version of the named dataset."""

    name = serializers.CharField(max_length=200)
    uri = serializers.CharField(max_length=500)


class NodeFilter(serializers.Serializer[Any]):
    """Which children: of ``parent`` (the roots without it), after a ``place``."""

    parent = serializers.UUIDField(required=False, default=None)  # type: ignore[assignment]
    after = serializers.RegexField(r"^[0-9a-z.]{1,200}$", required=False, default=None)


class NodesOut(serializers.Serializer[Any]):
    """One page of nodes; ``after`` is the place to go on from, ``null`` at the end."""

    results = NodeOut(many=True)
    after = serializers.CharField(allow_null=True)


class LabelIn(serializers.Serializer[Any]):
    """A label, exactly as it stands in the data; case and spacing do not matter."""

    label = serializers.CharField(max_length=200)  # type: ignore[assignment]


class ScopeIn(serializers.Serializer[Any]):
    """Nodes of a scope."""

    nodes = serializers.ListField(child=serializers.UUIDField(), allow_empty=False, max_length=500)


class NodeCount(serializers.Serializer[Any]):
    """How many records stand below a node."""

    node = serializers.UUIDField()
    records = serializers.IntegerField()


class CountsOut(serializers.Serializer[Any]):
    """What a scope covers: records by node, and every model version that holds some of them."""

    counts = NodeCount(many=True)
    versions = VersionRef(many=True)


class Datasets(ListResource[Dataset]):
    """The datasets of the token's organisation."""

    needs: ClassVar = {"GET": [{Permission.REGISTRY_VIEW}], "POST": [{Permission.REGISTRY_WRITE}]}
    serializer_class = DatasetOut

    @extend_schema(operation_id="datasets_list")
    def get(self, request: Request) -> Response:
        """List datasets with their versions."""
        return self.listing(
            selectors.datasets_visible(self.actor).prefetch_related("versions__alerts")
        )

    @extend_schema(
        operation_id="datasets_register", request=DatasetIn, responses={201: DatasetVersionOut}
    )
    def post(self, request: Request) -> Response:
        """Register a dataset folder; its tree is built and its coin flips are sealed."""
        given = self.read(DatasetIn)
        version = dataset_version_register(
            actor=self.actor, controller_id=self.controller_id, **given
        )
        return Response(DatasetVersionOut(version).data, status=201)


class OneDataset(Resource):
    """One dataset."""

    needs: ClassVar = {"GET": [{Permission.REGISTRY_VIEW}]}

    @extend_schema(operation_id="datasets_get", responses=DatasetOut)
    def get(self, request: Request, dataset_id: UUID) -> Response:
        """Return a dataset with its versions."""
        return Response(DatasetOut(selectors.dataset_get(self.actor, dataset_id)).data)


class Nodes(Resource):
    """The tree of a dataset."""

    needs: ClassVar = {"GET": [{Permission.REGISTRY_VIEW}]}

    @extend_schema(operation_id="scopes_children", parameters=[NodeFilter], responses=NodesOut)
    def get(self, request: Request, dataset_id: UUID) -> Response:
        """Return one page of a node's children, in the order of the tree."""
        wanted = self.read_query(NodeFilter)
        found = selectors.scope_children(
            self.actor, dataset_id, wanted["parent"], wanted["after"], PAGE + 1
        )
        shown = found[:PAGE]
        after = shown[-1].path if len(found) > PAGE else None
        return Response(NodesOut({"results": shown, "after": after}).data)


class NodeSearch(Resource):
    """Search in the tree of a dataset; the label travels in the body."""

    needs: ClassVar = {"POST": [{Permission.REGISTRY_VIEW}]}

    @extend_schema(
        operation_id="scopes_search", request=LabelIn, responses={200: NodeOut(many=True)}
    )
    def post(self, request: Request, dataset_id: UUID) -> Response:
        """Return the nodes with exactly this label."""
        label = self.read(LabelIn)["label"]
        found = selectors.scope_search(self.actor, dataset_id, label)
        return Response(NodeOut(found, many=True).data)


class ScopeCounts(Resource):
    """What a scope would cover."""

    needs: ClassVar = {"POST": [{Permission.REGISTRY_VIEW}]}

    @extend_schema(operation_id="scopes_counts", request=ScopeIn, responses={200: CountsOut})
    def post(self, request: Request) -> Response:
        """Count the records below nodes, and find every model version that holds some."""
        nodes = selectors.scope_nodes(self.actor, self.read(ScopeIn)["nodes"])
        body = {"counts": _counts(nodes), "versions": selectors.versions_touched(nodes)}
        return Response(CountsOut(body).data)


def _counts(nodes: tuple[ScopeNode, ...]) -> list[dict[str, Any]]:
    counts = scope_counts(nodes)
    return [{"node": node.pk, "records": counts[node]} for node in nodes]
