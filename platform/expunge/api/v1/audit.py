"""The audit log: entries, the newest checkpoint, proofs of inclusion."""

from __future__ import annotations

import base64
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from expunge.accounts.permissions import Permission
from expunge.api.resource import ListResource, Resource
from expunge.audit import selectors
from expunge.audit.checks import check_ask, check_latest
from expunge.audit.continuation import write_continuation
from expunge.audit.cosigners import continuation_since, cosignature_record
from expunge.audit.models import Checkpoint, Leaf
from expunge.common.errors import NotFoundError


class LeafOut(serializers.Serializer[Any]):
    """An entry. ``data`` are the hashed bytes in base64; the other values repeat them."""

    seq = serializers.IntegerField()
    action = serializers.CharField()
    occurred_at = serializers.DateTimeField()
    actor = serializers.CharField()
    ticket = serializers.UUIDField(source="ticket_id", allow_null=True)
    data = serializers.SerializerMethodField()  # type: ignore[assignment]
    leaf_hash = serializers.SerializerMethodField()

    def get_data(self, leaf: Leaf) -> str:
        """Return the entry's bytes in base64."""
        return base64.b64encode(bytes(leaf.data)).decode()

    def get_leaf_hash(self, leaf: Leaf) -> str:
        """Return the entry's hash in hexadecimal."""
        return bytes(leaf.leaf_hash).hex()


class CheckpointOut(serializers.Serializer[Any]):
    """A signed note about the log at one size, and its RFC 3161 token in base64."""

    size = serializers.IntegerField()
    note = serializers.CharField()
    token = serializers.SerializerMethodField()
    signed_at = serializers.DateTimeField()

    def get_token(self, checkpoint: Checkpoint) -> str:
        """Return the timestamp token in base64."""
        return base64.b64encode(bytes(checkpoint.token)).decode()


class ProofOut(serializers.Serializer[Any]):
    """That an entry is in the log of a checkpoint: hashes from the leaf up, in hexadecimal."""

    seq = serializers.IntegerField()
    leaf_hash = serializers.CharField()
    path = serializers.ListField(child=serializers.CharField())
    checkpoint = CheckpointOut()


class LogCheckOut(serializers.Serializer[Any]):
    """A replay of the whole log. It holds when it has ended without ``faults``."""

    asked_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)
    size = serializers.IntegerField()
    root = serializers.CharField()  # type: ignore[assignment]
    checkpoints = serializers.IntegerField()
    faults = serializers.ListField(child=serializers.CharField())


class Leaves(ListResource[Leaf]):
    """The entries of the token's organisation."""

    needs: ClassVar = {"GET": [{Permission.AUDIT_VIEW}]}
    serializer_class = LeafOut
    ordering = ("-seq",)

    @extend_schema(operation_id="audit_leaves_list")
    def get(self, request: Request) -> Response:
        """List entries, newest first."""
        controllers = self.actor.controllers(Permission.AUDIT_VIEW)
        self.actor.require(Permission.AUDIT_VIEW, self.controller_id)
        return self.listing(selectors.leaves_of_controllers(controllers))


class LeafProof(Resource):
    """Proofs."""

    needs: ClassVar = {"GET": [{Permission.AUDIT_VIEW}]}

    @extend_schema(operation_id="audit_leaves_proof", responses=ProofOut)
    def get(self, request: Request, seq: int) -> Response:
        """Return the proof that an entry is in the first checkpoint that covers it."""
        leaf = selectors.leaf_get(self.actor.controllers(Permission.AUDIT_VIEW), seq)
        checkpoint = selectors.checkpoint_covering(seq)
        if checkpoint is None:
            raise NotFoundError(
                "checkpoint_missing", "No checkpoint covers this entry yet; ask again later."
            )
        body = {
            "seq": seq,
            "leaf_hash": bytes(leaf.leaf_hash).hex(),
            "path": [item.hex() for item in selectors.inclusion_proof(seq, checkpoint.size)],
            "checkpoint": checkpoint,
        }
        return Response(ProofOut(body).data)


class LatestCheckpoint(Resource):
    """The newest checkpoint."""

    needs: ClassVar = {"GET": [{Permission.AUDIT_VIEW}]}

    @extend_schema(operation_id="audit_checkpoint_get", responses=CheckpointOut)
    def get(self, request: Request) -> Response:
        """Return the newest signed checkpoint."""
        self.actor.require(Permission.AUDIT_VIEW, self.controller_id)
        checkpoint = selectors.checkpoint_latest()
        if checkpoint is None:
            raise NotFoundError("checkpoint_missing", "No checkpoint was signed yet.")
        return Response(CheckpointOut(checkpoint).data)


class ContinuationQuery(serializers.Serializer[Any]):
    """From which state of the log on."""

    since = serializers.IntegerField(
        min_value=0, help_text="How many entries the log had when you last looked; 0 for never."
    )


class ContinuationOut(serializers.Serializer[Any]):
    """The newest checkpoint, and the proof that the log only grew into it: hashes in hexadecimal.

    As a file, this is what ``expunge-cosign sign`` reads.
    """

    schema = serializers.CharField()
    since = serializers.IntegerField()
    path = serializers.ListField(child=serializers.CharField())
    checkpoint = serializers.CharField()


class Continuations(Resource):
    """What a cosigner looks at."""

    needs: ClassVar = {"GET": [{Permission.AUDIT_VIEW}]}

    @extend_schema(
        operation_id="audit_continuation_get",
        parameters=[ContinuationQuery],
        responses=ContinuationOut,
    )
    def get(self, request: Request) -> Response:
        """Return the newest checkpoint and the proof that the log goes on from a smaller one."""
        self.actor.require(Permission.AUDIT_VIEW, self.controller_id)
        since = self.read_query(ContinuationQuery)["since"]
        return Response(write_continuation(continuation_since(since)))


class CosignedIn(serializers.Serializer[Any]):
    """A checkpoint of this log with a cosigner's line."""

    note = serializers.CharField(max_length=20_000, trim_whitespace=False)


class CosignatureOut(serializers.Serializer[Any]):
    """A line that was taken in."""

    cosigner = serializers.CharField(source="cosigner.name")
    size = serializers.IntegerField(source="checkpoint_id")
    signed_at = serializers.DateTimeField()


class Cosignatures(Resource):
    """Lines that cosigners add."""

    needs: ClassVar = {"POST": [{Permission.AUDIT_VIEW}]}

    @extend_schema(
        operation_id="audit_cosignatures_add",
        request=CosignedIn,
        responses={201: CosignatureOut(many=True)},
    )
    def post(self, request: Request) -> Response:
        """Take in the note that ``expunge-cosign sign`` printed; its signature is its right."""
        self.actor.require(Permission.AUDIT_VIEW, self.controller_id)
        kept = cosignature_record(note=self.read(CosignedIn)["note"])
        return Response(CosignatureOut(kept, many=True).data, status=201)


class AuditCheck(Resource):
    """The check of the whole log."""

    needs: ClassVar = {"GET": [{Permission.AUDIT_VIEW}], "POST": [{Permission.AUDIT_VIEW}]}

    @extend_schema(operation_id="audit_check_get", responses=LogCheckOut)
    def get(self, request: Request) -> Response:
        """Return the check that was asked for last, and what it found when it has ended."""
        self.actor.require(Permission.AUDIT_VIEW, self.controller_id)
        check = check_latest()
        if check is None:
            raise NotFoundError("check_missing", "Nobody has asked for a check yet. Send a POST.")
        return Response(LogCheckOut(check).data)

    @extend_schema(operation_id="audit_check_ask", request=None, responses={202: LogCheckOut})
    def post(self, request: Request) -> Response:
        """Ask for a check: a worker begins within a minute. One that waits already is taken."""
        self.actor.require(Permission.AUDIT_VIEW, self.controller_id)
        check = check_ask(actor=self.actor.pseudonym)
        return Response(LogCheckOut(check).data, status=202)
