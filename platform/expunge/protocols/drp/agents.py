"""The directory's agents and the controller's name in it; the tokens that agents ask for."""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext
from nacl.exceptions import CryptoError
from nacl.signing import VerifyKey

from expunge.accounts.permissions import Actor, Permission
from expunge.audit.actions import AuditAction
from expunge.audit.services import audit_record
from expunge.common.clock import now
from expunge.common.errors import ConflictError, InvalidInputError, NotFoundError
from expunge.protocols.models import Agent, Business


@transaction.atomic
def business_name(*, actor: Actor, controller_id: UUID, business_id: str) -> Business:
    """Set the name under which the directory lists the controller.

    Raises:
        InvalidInputError: ``business_id_missing``.
        ConflictError: ``business_id_taken``.
    """
    actor.require(Permission.ADMINISTER, controller_id)
    if not business_id.strip():
        raise InvalidInputError(
            "business_id_missing", "Give the id of the directory.", field="business_id"
        )
    try:
        with transaction.atomic():
            business, _ = Business.objects.update_or_create(
                controller_id=controller_id, defaults={"business_id": business_id.strip()}
            )
    except IntegrityError as error:
        raise ConflictError(
            "business_id_taken", gettext("Another organisation has this id.")
        ) from error
    _audit(AuditAction.BUSINESS_NAMED, actor, controller_id, {"business": str(business.pk)})
    return business


@transaction.atomic
def agent_add(  # noqa: PLR0913 - an entry of the directory, whole
    *,
    actor: Actor,
    controller_id: UUID,
    agent_id: str,
    name: str,
    verify_key: str,
    attests: bool = False,
) -> Agent:
    """Hear an agent from now on; an agent that is known already gets the new key and no token.

    Raises:
        InvalidInputError: ``agent_id_missing``, ``verify_key_invalid``.
    """
    actor.require(Permission.ADMINISTER, controller_id)
    if not agent_id.strip() or not name.strip():
        raise InvalidInputError("agent_id_missing", gettext("Give id and name."), field="agent_id")
    agent, _ = Agent.objects.update_or_create(
        controller_id=controller_id,
        agent_id=agent_id.strip(),
        defaults={
            "name": name.strip(),
            "verify_key": _key(verify_key),
            "attests": attests,
            "enabled": True,
            "token_digest": None,
            "added_by": actor.user,
        },
    )
    _audit(AuditAction.AGENT_ADDED, actor, controller_id, {"agent": str(agent.pk)})
    return agent


@transaction.atomic
def agent_remove(*, actor: Actor, agent_pk: UUID) -> Agent:
    """Hear an agent no longer; its token ends. Raises ``agent_unknown``."""
    agent = agents_visible(actor).filter(pk=agent_pk).select_for_update(of=("self",)).first()
    if agent is None:
        raise NotFoundError("agent_unknown", gettext("There is no such agent for you."))
    agent.enabled, agent.token_digest = False, None
    agent.save(update_fields=["enabled", "token_digest"])
    _audit(AuditAction.AGENT_REMOVED, actor, agent.controller_id, {"agent": str(agent.pk)})
    return agent


@transaction.atomic
def agent_token_issue(*, agent: Agent) -> str:
    """Return a fresh token for an agent that has signed for it; the one before ends."""
    token = secrets.token_urlsafe(32)
    agent.token_digest, agent.token_issued_at = _digest(token), now()
    agent.save(update_fields=["token_digest", "token_issued_at"])
    audit_record(
        action=AuditAction.AGENT_TOKEN_ISSUED,
        actor=f"agent:{agent.pk}",
        controller_id=agent.controller_id,
        subject={"agent": str(agent.pk)},
        data={},
    )
    return token


def agent_of_token(token: str) -> Agent | None:
    """Return the agent that carries a token."""
    if not token:
        return None
    return Agent.objects.filter(enabled=True, token_digest=_digest(token)).first()


def agents_named(agent_id: str) -> QuerySet[Agent]:
    """Return the agents of this id that are heard, one a controller."""
    return Agent.objects.filter(enabled=True, agent_id=agent_id)


def agents_visible(actor: Actor) -> QuerySet[Agent]:
    """Return the agents of the organisations that the actor administers."""
    return Agent.objects.filter(
        controller_id__in=actor.controllers(Permission.ADMINISTER)
    ).select_related("controller")


def business_of(actor: Actor, controller_id: UUID) -> Business | None:
    """Return the organisation's name in the directory, for its administrators."""
    if not actor.may(Permission.ADMINISTER, controller_id):
        return None
    return Business.objects.filter(controller_id=controller_id).first()


def _key(verify_key: str) -> str:
    try:
        raw = base64.b64decode(verify_key.strip(), validate=True)
        VerifyKey(raw)
    except (binascii.Error, ValueError, TypeError, CryptoError) as error:
        raise InvalidInputError(
            "verify_key_invalid",
            gettext("Give the agent's Ed25519 verify key: 32 bytes in base64."),
            field="verify_key",
        ) from error
    return base64.b64encode(raw).decode()


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _audit(action: AuditAction, actor: Actor, controller_id: UUID, subject: dict[str, str]) -> None:
    audit_record(
        action=action,
        actor=actor.pseudonym,
        controller_id=controller_id,
        subject=subject,
        data={},
    )
