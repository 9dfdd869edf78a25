"""Requests that came by a protocol, their callbacks, and the agents and names of the DRP."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from expunge.accounts.models import Controller, User
from expunge.common.fields import EncryptedTextField
from expunge.common.models import BaseModel
from expunge.notices.models import OutboxRow, OutboxState
from expunge.subjects.models import IntakeRequest


class Protocol(models.TextChoices):
    """How a request came."""

    OPENDSR = "opendsr", "OpenDSR 2.0"
    OPENGDPR = "opengdpr", "OpenGDPR 1.0"
    DRP = "drp", "Data Rights Protocol 1.0"


class Business(BaseModel):
    """The name under which a controller is known in the directory of the DRP (``business-id``)."""

    controller = models.OneToOneField(
        Controller, on_delete=models.CASCADE, related_name="drp_business"
    )
    business_id = models.CharField(max_length=100, unique=True)

    def __str__(self) -> str:
        return self.business_id


class Agent(BaseModel):
    """An authorized agent that a controller hears, as the directory of the DRP lists it.

    ``verify_key`` is the agent's Ed25519 public key in base64. Of the bearer token that the
    agent asked for only the digest is kept. ``attests``: the agent's word counts as proof of a
    person's identity where it says that it verified an attribute.
    """

    controller = models.ForeignKey(Controller, on_delete=models.CASCADE, related_name="drp_agents")
    agent_id = models.CharField(max_length=100)
    name = models.CharField(max_length=200)
    verify_key = models.CharField(max_length=44)
    attests = models.BooleanField(default=False)
    enabled = models.BooleanField(default=True)
    token_digest = models.BinaryField(max_length=32, null=True, unique=True)
    token_issued_at = models.DateTimeField(null=True)
    added_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["controller", "agent_id"], name="agent_once"),
        ]

    def __str__(self) -> str:
        return self.agent_id


class ProtocolRequest(BaseModel):
    """A request that came by a protocol; what it says lies in its intake request.

    ``external_id`` is the other side's id, ``digest`` that of the body, by which a repetition is
    told from another request of the same id. ``attested`` is the reference under which the
    sender vouches for the person's identity. ``told`` is the standing that the callbacks were
    last told.
    """

    controller = models.ForeignKey(
        Controller, on_delete=models.CASCADE, related_name="protocol_requests"
    )
    protocol = models.CharField(max_length=10, choices=Protocol.choices)
    external_id = models.CharField(max_length=100, blank=True)
    digest = models.CharField(max_length=71)
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, null=True, related_name="requests")
    intake = models.OneToOneField(
        IntakeRequest, on_delete=models.CASCADE, related_name="protocol_request"
    )
    attested = models.CharField(max_length=120, blank=True)
    told = models.CharField(max_length=60, blank=True)
    verification_url = EncryptedTextField(null=True)

    class Meta:
        ordering: ClassVar = ["-created_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["controller", "external_id"],
                condition=models.Q(agent=None),
                name="controllers_id_once",
            ),
            models.UniqueConstraint(
                fields=["agent", "external_id"],
                condition=~models.Q(agent=None) & ~models.Q(external_id=""),
                name="agents_id_once",
            ),
            models.UniqueConstraint(
                fields=["agent", "digest"],
                condition=~models.Q(agent=None),
                name="signed_message_once",
            ),
        ]


class Callback(OutboxRow):
    """One standing of a request on its way to one address of the other side."""

    request = models.ForeignKey(ProtocolRequest, on_delete=models.CASCADE, related_name="callbacks")
    address = models.ForeignKey(
        "CallbackAddress", on_delete=models.CASCADE, related_name="callbacks"
    )
    standing = models.CharField(max_length=60)

    class Meta:
        ordering: ClassVar = ["created_at"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(state__in=OutboxState.values), name="callback_state_known"
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["due_at"],
                name="callback_due",
                condition=models.Q(state__in=[OutboxState.QUEUED, OutboxState.SENDING]),
            ),
        ]


class CallbackAddress(BaseModel):
    """Where the other side wants to be told; an address may carry a secret, so it is encrypted."""

    request = models.ForeignKey(ProtocolRequest, on_delete=models.CASCADE, related_name="addresses")
    url = EncryptedTextField()
