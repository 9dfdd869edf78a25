"""Who may do what: one table from roles to permissions, read by services, API and pages alike."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from uuid import UUID

from django.utils.translation import gettext as _

from expunge.accounts.models import Controller, Membership, Role, User
from expunge.common.errors import NotAllowedError, NotFoundError


class Permission(StrEnum):
    """A thing a person may be allowed to do for a controller."""

    TICKET_VIEW = "ticket.view"
    TICKET_FILE = "ticket.file"
    TICKET_REVIEW = "ticket.review"
    TICKET_APPROVE = "ticket.approve"
    JOB_OPERATE = "job.operate"
    REGISTRY_VIEW = "registry.view"
    REGISTRY_WRITE = "registry.write"
    AUDIT_VIEW = "audit.view"
    CERTIFICATE_VIEW = "certificate.view"
    CERTIFICATE_REVOKE = "certificate.revoke"
    CONTAINMENT_READ = "containment.read"
    ADMINISTER = "administer"


P = Permission
_READ = {P.TICKET_VIEW, P.REGISTRY_VIEW, P.CERTIFICATE_VIEW}
ROLE_PERMISSIONS: Mapping[str, frozenset[Permission]] = {
    Role.DPO: frozenset(
        {*_READ, P.TICKET_FILE, P.TICKET_REVIEW, P.AUDIT_VIEW, P.CERTIFICATE_REVOKE}
    ),
    Role.APPROVER: frozenset({*_READ, P.TICKET_APPROVE}),
    Role.ENGINEER: frozenset({*_READ, P.TICKET_FILE, P.JOB_OPERATE, P.REGISTRY_WRITE}),
    Role.AUDITOR: frozenset({*_READ, P.AUDIT_VIEW}),
    Role.ADMINISTRATOR: frozenset({P.ADMINISTER}),
    Role.DEPLOYER: frozenset({P.CONTAINMENT_READ}),
}


@dataclass(frozen=True)
class Actor:
    """Who acts: a signed-in user, a token narrowed to its scopes, or the platform itself.

    ``scopes`` is ``None`` when everything the user's roles allow is allowed; ``only`` narrows a
    token to the one controller it was made for, and ``token_id`` says which token it is.
    ``roles`` are the user's roles by controller where they were read already.
    """

    user: User | None = None
    scopes: frozenset[Permission] | None = None
    system: str = ""
    only: UUID | None = None
    token_id: UUID | None = None
    roles: Mapping[UUID, frozenset[str]] | None = field(default=None, compare=False, repr=False)

    @property
    def pseudonym(self) -> str:
        """Return the id that stands for this actor in the audit log."""
        return f"user:{self.user.pk}" if self.user else f"system:{self.system}"

    def may(self, permission: Permission, controller_id: UUID) -> bool:
        """Say whether this actor holds the permission for the controller."""
        if self.user is None:
            return bool(self.system)
        if self.scopes is not None and permission not in self.scopes:
            return False
        if self.only not in {None, controller_id}:
            return False
        held = self._roles().get(controller_id, frozenset())
        return any(permission in ROLE_PERMISSIONS[role] for role in held)

    def require(self, permission: Permission, controller_id: UUID) -> None:
        """Raise :class:`NotAllowedError` unless this actor holds the permission."""
        if not self.may(permission, controller_id):
            raise NotAllowedError(
                "permission_missing",
                _(
                    "This needs the permission '%(permission)s' for this organisation. "
                    "Ask its administrator for a role that has it."
                )
                % {"permission": permission},
            )

    def controllers(self, permission: Permission) -> frozenset[UUID]:
        """Return the controllers for which this actor holds the permission."""
        if self.user is None:
            everything = Controller.objects.values_list("pk", flat=True) if self.system else ()
            return frozenset(everything)
        if self.scopes is not None and permission not in self.scopes:
            return frozenset()
        return frozenset(
            controller_id
            for controller_id, held in self._roles().items()
            if self.only in {None, controller_id}
            and any(permission in ROLE_PERMISSIONS[role] for role in held)
        )

    def for_request(self) -> Actor:
        """Return the same actor with the roles read once, for the length of one request."""
        return replace(self, roles=self._roles())

    def for_long(self) -> Actor:
        """Return the same actor with the roles read anew at each question: they may be lost."""
        return replace(self, roles=None)

    def _roles(self) -> Mapping[UUID, frozenset[str]]:
        if self.roles is not None:
            return self.roles
        found: defaultdict[UUID, set[str]] = defaultdict(set)
        memberships = Membership.objects.filter(user=self.user, user__is_active=True)
        for controller_id, role in memberships.values_list("controller_id", "role"):
            found[controller_id].add(role)
        return {controller_id: frozenset(roles) for controller_id, roles in found.items()}


def controller_for(actor: Actor, permission: Permission, controller_id: UUID) -> Controller:
    """Return the controller if the actor may know of it, else raise :class:`NotFoundError`."""
    if controller_id not in actor.controllers(permission):
        raise NotFoundError("controller_unknown", _("There is no such organisation for you."))
    return Controller.objects.get(pk=controller_id)
