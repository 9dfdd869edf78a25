"""The first people and tokens come from the command line."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from expunge.accounts.models import ApiToken, Membership, Role
from expunge.audit.models import Leaf

PASSWORD = "a long enough password 7"


@pytest.fixture(autouse=True)
def typed_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getpass", lambda _: PASSWORD)


def create(email: str = "alice@one.example", role: str = "dpo") -> None:
    call_command(
        "user_create", email, "Alice", "--controller", "One", "--role", role, stdout=StringIO()
    )


@pytest.mark.django_db
def test_the_first_person_brings_the_organisation_with_them() -> None:
    create()
    membership = Membership.objects.get()
    assert (membership.controller.name, membership.role) == ("One", Role.DPO)
    assert membership.user.check_password(PASSWORD)
    assert {"user.created", "membership.granted"} <= set(
        Leaf.objects.values_list("action", flat=True)
    )


@pytest.mark.django_db
def test_the_same_person_is_not_created_twice() -> None:
    create()
    with pytest.raises(CommandError, match="has an account"):
        create()


@pytest.mark.django_db
def test_a_token_is_printed_once_and_kept_as_a_digest() -> None:
    create()
    printed = StringIO()
    call_command("token_create", "alice@one.example", "--controller", "One", stdout=printed)
    secret, token = printed.getvalue().strip(), ApiToken.objects.get()
    assert secret
    assert secret.encode() not in bytes(token.digest)
    assert "ticket.review" in token.scopes


@pytest.mark.django_db
def test_a_token_never_does_more_than_its_person() -> None:
    create()
    with pytest.raises(CommandError, match="permission"):
        call_command(
            "token_create", "alice@one.example", "--controller", "One", "--scopes", "administer"
        )


@pytest.mark.django_db
def test_a_stranger_gets_no_token() -> None:
    with pytest.raises(CommandError, match="no such person"):
        call_command("token_create", "mallory@two.example", "--controller", "One")
