"""People: who belongs to the organisation, with which roles. For its administrators."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from expunge.accounts import people, selectors, services
from expunge.accounts.models import Role, User
from expunge.accounts.permissions import Permission
from expunge.api.resource import ListResource, Resource
from expunge.common.errors import NotFoundError

ADMINISTER = [{Permission.ADMINISTER}]
ROLES = list(Role.values)


class MemberOut(serializers.Serializer[Any]):
    """A person and their roles in this organisation."""

    id = serializers.UUIDField(source="pk")
    name = serializers.CharField()
    email = serializers.EmailField()
    is_active = serializers.BooleanField()
    last_login = serializers.DateTimeField(allow_null=True)
    second_factor = serializers.BooleanField(source="protected")
    roles = serializers.SerializerMethodField()

    def get_roles(self, user: Any) -> list[str]:
        """Return the roles in this organisation."""
        return [membership.role for membership in user.roles]


class InvitationIn(serializers.Serializer[Any]):
    """Somebody to bring in: they are mailed a link that sets their password."""

    email = serializers.EmailField(max_length=254)
    name = serializers.CharField(max_length=200)
    roles = serializers.ListField(
        child=serializers.ChoiceField(ROLES), allow_empty=False, max_length=len(ROLES)
    )


class RoleIn(serializers.Serializer[Any]):
    """A role."""

    role = serializers.ChoiceField(ROLES)


class People(ListResource[User]):
    """The people of the organisation."""

    serializer_class = MemberOut
    ordering = ("name", "id")
    needs: ClassVar = {"GET": ADMINISTER, "POST": ADMINISTER}

    @extend_schema(operation_id="people_list")
    def get(self, request: Request) -> Response:
        """List people by name, with their roles."""
        self.actor.require(Permission.ADMINISTER, self.controller_id)
        return self.listing(selectors.people_of(self.actor, self.controller_id))

    @extend_schema(operation_id="people_invite", request=InvitationIn, responses={201: MemberOut})
    def post(self, request: Request) -> Response:
        """Give a person roles and mail them a link; a person who has an account keeps it."""
        user = people.user_invite(
            actor=self.actor, controller_id=self.controller_id, **self.read(InvitationIn)
        )
        return Response(_member(self, user.pk), status=201)


class OnePerson(Resource):
    """One person."""

    needs: ClassVar = {"GET": ADMINISTER, "DELETE": ADMINISTER}

    @extend_schema(operation_id="people_get", responses=MemberOut)
    def get(self, request: Request, user_id: UUID) -> Response:
        """Return a person with their roles."""
        return Response(_member(self, user_id))

    @extend_schema(operation_id="people_remove", responses={204: None})
    def delete(self, request: Request, user_id: UUID) -> Response:
        """End what a person may do for the organisation: roles, tokens and sessions."""
        people.user_remove(actor=self.actor, controller_id=self.controller_id, user_id=user_id)
        return Response(status=204)


class PersonRoles(Resource):
    """The roles of a person."""

    subject = OnePerson
    needs: ClassVar = {"POST": ADMINISTER}

    @extend_schema(operation_id="roles_grant", request=RoleIn, responses=MemberOut)
    def post(self, request: Request, user_id: UUID) -> Response:
        """Give a person a role; giving it twice changes nothing."""
        user = people.member_get(self.actor, self.controller_id, user_id)
        services.membership_grant(
            actor=self.actor, user=user, controller_id=self.controller_id, **self.read(RoleIn)
        )
        return Response(_member(self, user_id))


class OneRole(Resource):
    """A role of a person."""

    needs: ClassVar = {"DELETE": ADMINISTER}

    @extend_schema(operation_id="roles_revoke", responses={204: None})
    def delete(self, request: Request, user_id: UUID, role: str) -> Response:
        """Take a role away from a person; the last administrator stays one."""
        held = {item.role: item for item in _person(self, user_id).roles}
        if role not in held:
            raise NotFoundError("membership_unknown", "This person does not have this role here.")
        services.membership_revoke(actor=self.actor, membership=held[role])
        return Response(status=204)


def _person(view: Resource, user_id: UUID) -> Any:
    """Return one person of the organisation with their roles in it."""
    found = selectors.people_of(view.actor, view.controller_id).filter(pk=user_id).first()
    if found is None:
        raise NotFoundError("user_unknown", "There is no such person in your organisation.")
    return found


def _member(view: Resource, user_id: UUID) -> dict[str, Any]:
    return dict(MemberOut(_person(view, user_id)).data)
