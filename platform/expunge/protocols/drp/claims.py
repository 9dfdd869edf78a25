"""What an agent's request says: the right, the law, and who the person is (section 3.04)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from expunge.subjects.intake_payload import IntakePayload

ACTIONS = ("deletion",)
REGIME = "ccpa"
"""The only law that version 1.0 encodes. A request without one is met in the same time."""
PROVEN = ("email_verified", "phone_number_verified", "address_verified")


class Claims(serializers.Serializer[Any]):
    """The members of a request that are read; others are let be."""

    exercise = serializers.CharField(max_length=40)
    regime = serializers.CharField(max_length=20, required=False, allow_null=True, default=None)
    relationships = serializers.ListField(
        child=serializers.CharField(max_length=100), default=list, max_length=20
    )
    status_callback = serializers.CharField(max_length=500, required=False, default="")
    name = serializers.CharField(max_length=200, required=False, default="")
    email = serializers.CharField(max_length=300, required=False, default="")
    email_verified = serializers.BooleanField(default=False)
    phone_number = serializers.CharField(max_length=40, required=False, default="")
    phone_number_verified = serializers.BooleanField(default=False)
    address = serializers.JSONField(allow_null=True, default=None)
    address_verified = serializers.BooleanField(default=False)
    power_of_attorney = serializers.CharField(max_length=500, required=False, default="")

    def validate_exercise(self, value: str) -> str:
        """Take deletions only, as the directory says."""
        if value not in ACTIONS:
            raise serializers.ValidationError(f"Only {', '.join(ACTIONS)} is supported.")
        return value

    def validate_regime(self, value: str | None) -> str:
        """Take the law that the protocol encodes, or none."""
        if value not in {None, "", REGIME}:
            raise serializers.ValidationError(f"Version 1.0 knows '{REGIME}', or none.")
        return REGIME

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Ask for something by which the person can be found."""
        if not (attrs["name"] or attrs["email"] or attrs["phone_number"]):
            raise serializers.ValidationError("Send a name, an email or a phone_number.")
        return attrs


def read(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the checked claims; raises ``ValidationError``."""
    checked = Claims(data=dict(content))
    checked.is_valid(raise_exception=True)
    return dict(checked.validated_data)


def payload_of(claims: Mapping[str, Any]) -> IntakePayload:
    """Return what a person who chooses the scope has to know."""
    named = ("email", "phone_number", "address", "power_of_attorney")
    lines = [f"{name}: {claims[name]}" for name in named if claims[name]]
    if claims["relationships"]:
        lines.append(f"relationships: {', '.join(claims['relationships'])}")
    who = claims["name"] or claims["email"] or claims["phone_number"]
    return IntakePayload(who, claims["email"], "\n".join(lines))


def is_proven(claims: Mapping[str, Any]) -> bool:
    """Say whether the agent claims to have verified an attribute of the person."""
    return any(claims[name] and claims[name.removesuffix("_verified")] for name in PROVEN)
