"""The body of an OpenDSR request: what it must hold (specification, sections 5 and 7)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from rest_framework import serializers

from expunge.common.clock import now
from expunge.protocols.entrance import MOST_CALLBACKS
from expunge.subjects.intake_payload import IntakePayload

IDENTITIES = ("controller_customer_id", "email")
"""What a person can be found by. Hashed values cannot be found among the names of a tree."""
FORMAT = "raw"
TYPES = ("erasure",)
UUID4 = r"^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\Z"
OLDEST = timedelta(days=366)
MOST_IDENTITIES = 20


class Identity(serializers.Serializer[Any]):
    """One identity of the person."""

    identity_type = serializers.CharField(max_length=60)
    identity_value = serializers.CharField(max_length=300)
    identity_format = serializers.ChoiceField(["raw", "sha1", "md5", "sha256"])


class Body(serializers.Serializer[Any]):
    """A request. ``regulation`` is required by the text and absent from its own example."""

    regulation = serializers.ChoiceField(["gdpr", "ccpa"], default="gdpr")
    subject_request_id = serializers.RegexField(UUID4)
    subject_request_type = serializers.CharField(max_length=20)
    subject_identities = Identity(many=True, allow_empty=False)
    submitted_time = serializers.DateTimeField()
    api_version = serializers.CharField(required=False, max_length=10)
    status_callback_urls = serializers.ListField(
        child=serializers.CharField(max_length=500), default=list, max_length=MOST_CALLBACKS
    )
    extensions = serializers.DictField(child=serializers.DictField(), required=False)

    def validate_subject_request_type(self, value: str) -> str:
        """Take erasures only, as discovery says."""
        if value not in TYPES:
            raise serializers.ValidationError("Only 'erasure' is supported.")
        return value

    def validate_subject_identities(self, value: list[dict[str, str]]) -> list[dict[str, str]]:
        """Ask for at least one identity by which a person can be found."""
        usable = [item for item in value if is_usable(item)][:MOST_IDENTITIES]
        if not usable:
            raise serializers.ValidationError(
                "Send at least one raw identity of a supported type; see discovery."
            )
        return usable

    def validate_submitted_time(self, value: Any) -> Any:
        """Refuse a time that would move the deadline out of reason."""
        if not now() - OLDEST < value <= now():
            raise serializers.ValidationError("Must lie in the past, and not over a year back.")
        return value


def is_usable(identity: Mapping[str, str]) -> bool:
    """Say whether a person can be found by an identity."""
    return identity["identity_type"] in IDENTITIES and identity["identity_format"] == FORMAT


def read(raw: bytes) -> dict[str, Any]:
    """Return the checked body; raises ``ValidationError``."""
    try:
        content = json.loads(raw)
    except ValueError as error:
        raise serializers.ValidationError("The body is not JSON.") from error
    checked = Body(data=content)
    checked.is_valid(raise_exception=True)
    return dict(checked.validated_data)


def payload_of(given: Mapping[str, Any]) -> IntakePayload:
    """Return what a person who chooses the scope has to know.

    There is no contact: the controller that sent the request writes to the person.
    """
    identities = given["subject_identities"]
    lines = [f"{item['identity_type']}: {item['identity_value']}" for item in identities]
    return IntakePayload(identities[0]["identity_value"], note="\n".join(lines))
