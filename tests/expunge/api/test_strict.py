"""A body is taken as the schema says it, and never guessed."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework import serializers

from expunge.api.strict import check_kinds


class Inner(serializers.Serializer[Any]):
    number = serializers.IntegerField()


class Body(serializers.Serializer[Any]):
    text = serializers.CharField(allow_null=True)
    flag = serializers.BooleanField()
    thing = serializers.UUIDField()
    inner = Inner()
    many = Inner(many=True)
    words = serializers.ListField(child=serializers.CharField())
    free = serializers.JSONField()


@pytest.mark.parametrize(
    "wrong",
    [
        {"text": 0},
        {"text": True},
        {"flag": "true"},
        {"flag": 1},
        {"thing": 7},
        {"thing": "00000000000040008000000000000000"},
        {"inner": {"number": "1"}},
        {"inner": {"number": True}},
        {"many": [{"number": 1}, {"number": "1"}]},
        {"words": ["a", 1]},
        {"wrods": ["a"]},
        {"inner": {"number": 1, "numbr": 2}},
    ],
)
def test_another_kind_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(serializers.ValidationError) as refused:
        check_kinds(Body(), wrong)
    assert set(refused.value.detail) == set(wrong)


@pytest.mark.parametrize(
    "right",
    [
        {},
        {"text": None},
        {"text": "0", "flag": False, "thing": "00000000-0000-4000-8000-000000000000"},
        {"inner": {"number": 1}, "many": [], "words": ["a"], "free": {"a": [1, "b"]}},
    ],
)
def test_what_fits_is_taken(right: dict[str, Any]) -> None:
    check_kinds(Body(), right)
