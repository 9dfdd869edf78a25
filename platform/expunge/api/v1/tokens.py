"""API tokens: one's own, renewed and ended. They are made on a signed-in page only."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from expunge.accounts import selectors
from expunge.accounts.models import ApiToken
from expunge.accounts.permissions import Permission
from expunge.accounts.services import token_revoke, token_rotate
from expunge.api.authentication import grant_of
from expunge.api.resource import ListResource, Resource

SCOPES = [str(permission) for permission in Permission]
OVERLAP_MINUTES = 10
OVERLAP_MOST = 24 * 60
ANY_SCOPE = [frozenset[Permission]()]


class TokenOut(serializers.Serializer[Any]):
    """A token without its secret. ``last_used_at`` is exact to the minute."""

    id = serializers.UUIDField(source="pk")
    name = serializers.CharField()
    prefix = serializers.CharField()
    scopes = serializers.ListField(child=serializers.ChoiceField(SCOPES))
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    last_used_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)


class NewTokenOut(TokenOut):
    """A token with its secret, which is shown this once."""

    secret = serializers.CharField()


class RotationIn(serializers.Serializer[Any]):
    """For how long the old token stays good beside the new one."""

    overlap_minutes = serializers.IntegerField(
        min_value=0, max_value=OVERLAP_MOST, default=OVERLAP_MINUTES
    )


class Tokens(ListResource[ApiToken]):
    """One's own tokens for this organisation."""

    serializer_class = TokenOut
    needs: ClassVar = {"GET": ANY_SCOPE}

    @extend_schema(operation_id="tokens_list")
    def get(self, request: Request) -> Response:
        """List one's tokens, newest first, also those that have ended."""
        mine = selectors.tokens_of(self.actor).filter(controller_id=self.controller_id)
        return self.listing(mine)


class OneToken(Resource):
    """One token."""

    needs: ClassVar = {"GET": ANY_SCOPE, "DELETE": ANY_SCOPE}

    @extend_schema(operation_id="tokens_get", responses=TokenOut)
    def get(self, request: Request, token_id: UUID) -> Response:
        """Return one of one's tokens."""
        return Response(TokenOut(selectors.token_get(self.actor, token_id)).data)

    @extend_schema(operation_id="tokens_revoke", responses={204: None})
    def delete(self, request: Request, token_id: UUID) -> Response:
        """End a token now: one's own, or as an administrator anybody's in the organisation."""
        token_revoke(actor=self.actor, token_id=token_id)
        return Response(status=204)


class CurrentToken(Resource):
    """The token that is presented."""

    needs: ClassVar = {"GET": ANY_SCOPE}

    @extend_schema(operation_id="tokens_current", responses=TokenOut)
    def get(self, request: Request) -> Response:
        """Return the token that this call was made with."""
        token = selectors.token_get(self.actor, grant_of(request).token_id)
        return Response(TokenOut(token).data)


class RotateToken(Resource):
    """Renewing."""

    needs: ClassVar = {"POST": ANY_SCOPE}

    @extend_schema(operation_id="tokens_rotate", request=RotationIn, responses={201: NewTokenOut})
    def post(self, request: Request) -> Response:
        """Replace the token of this call by a new one with the same name, scopes and lifetime.

        The old one stays good for the overlap, so that nobody is locked out by a lost answer.
        """
        token, secret = token_rotate(
            actor=self.actor,
            token_id=grant_of(request).token_id,
            overlap=timedelta(minutes=self.read(RotationIn)["overlap_minutes"]),
        )
        return Response({**TokenOut(token).data, "secret": secret}, status=201)
