"""A token shows its secret once, opens one organisation, and ends."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from expunge.accounts.models import ApiToken, Membership, Role
from expunge.accounts.permissions import Actor, Permission
from expunge.accounts.selectors import scopes_grantable, tokens_of
from expunge.accounts.services import token_create, token_revoke
from expunge.accounts.tokens import token_grant
from expunge.common.clock import now
from expunge.common.errors import InvalidInputError, NotAllowedError, NotFoundError
from tests.expunge.factories import SYSTEM, People, all_leaves, leaves

SCOPES = (Permission.TICKET_VIEW, Permission.TICKET_FILE)


def make(cast: People, actor: Actor, **given: object) -> tuple[ApiToken, str]:
    valid = {"controller_id": cast.controller.pk, "name": "intake", "scopes": SCOPES}
    return token_create(actor=actor, **{**valid, **given})  # type: ignore[arg-type]


def test_the_secret_is_nowhere_but_with_its_owner(cast: People) -> None:
    token, secret = make(cast, cast.alice)
    stored = ApiToken.objects.get(pk=token.pk)
    assert secret not in str(vars(stored)) and secret.startswith(stored.prefix)
    assert secret.encode() not in all_leaves()
    assert list(tokens_of(cast.alice)) == [token] and not tokens_of(cast.bob).exists()


def test_a_token_stands_for_its_owner_within_its_scopes(cast: People) -> None:
    _, secret = make(cast, cast.alice)
    grant = token_grant(secret)
    assert grant is not None and grant.user == cast.alice.user
    assert grant.actor.may(Permission.TICKET_FILE, cast.controller.pk)
    assert not grant.actor.may(Permission.TICKET_REVIEW, cast.controller.pk)
    assert grant.actor.controllers(Permission.TICKET_REVIEW) == frozenset()


def test_a_token_opens_one_organisation_only(cast: People) -> None:
    Membership.objects.create(user=cast.alice.user, controller=cast.elsewhere, role=Role.DPO)
    _, secret = make(cast, cast.alice)
    grant = token_grant(secret)
    assert grant is not None
    assert cast.alice.may(Permission.TICKET_VIEW, cast.elsewhere.pk)
    assert not grant.actor.may(Permission.TICKET_VIEW, cast.elsewhere.pk)
    assert grant.actor.controllers(Permission.TICKET_VIEW) == {cast.controller.pk}


def test_a_token_loses_what_its_owner_loses(cast: People) -> None:
    _, secret = make(cast, cast.alice)
    Membership.objects.filter(user=cast.alice.user).delete()
    grant = token_grant(secret)
    assert grant is not None
    assert not grant.actor.may(Permission.TICKET_VIEW, cast.controller.pk)


def test_a_wrong_an_old_and_a_revoked_token_open_nothing(cast: People) -> None:
    old, old_secret = make(cast, cast.alice)
    ApiToken.objects.filter(pk=old.pk).update(expires_at=now() - timedelta(seconds=1))
    revoked, revoked_secret = make(cast, cast.alice)
    token_revoke(actor=cast.alice, token_id=revoked.pk)
    assert token_grant("xpg_wrong") is None
    assert token_grant(old_secret) is None
    assert token_grant(revoked_secret) is None


def test_the_last_use_is_remembered(cast: People) -> None:
    token, secret = make(cast, cast.alice)
    assert token.last_used_at is None
    token_grant(secret)
    token.refresh_from_db()
    first = token.last_used_at
    assert first is not None
    token_grant(secret)
    token.refresh_from_db()
    assert token.last_used_at == first


def test_nobody_gives_a_token_more_than_they_have(cast: People) -> None:
    with pytest.raises(NotAllowedError):
        make(cast, cast.bob)
    assert Permission.TICKET_APPROVE in scopes_grantable(cast.bob, cast.controller.pk)
    assert Permission.TICKET_FILE not in scopes_grantable(cast.bob, cast.controller.pk)


def test_neither_a_token_nor_the_platform_makes_tokens(cast: People) -> None:
    for actor in (replace(cast.alice, scopes=frozenset(SCOPES)), SYSTEM):
        with pytest.raises(NotAllowedError) as error:
            make(cast, actor)
        assert error.value.code == "person_needed"


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"scopes": ()}, "scopes_missing"),
        ({"scopes": ("everything",)}, "scope_unknown"),
        ({"days": 0}, "days_out_of_range"),
        ({"days": 5000}, "days_out_of_range"),
        ({"name": ""}, "name_missing"),
    ],
)
def test_a_token_has_a_name_known_scopes_and_an_end(
    cast: People, given: dict[str, object], code: str
) -> None:
    with pytest.raises(InvalidInputError) as error:
        make(cast, cast.alice, **given)
    assert error.value.code == code


def test_only_its_owner_or_an_administrator_ends_a_token(cast: People) -> None:
    token, _ = make(cast, cast.alice)
    for stranger in (cast.bob, cast.mallory):
        with pytest.raises(NotFoundError):
            token_revoke(actor=stranger, token_id=token.pk)
    token_revoke(actor=cast.ada, token_id=token.pk)
    token_revoke(actor=cast.ada, token_id=token.pk)
    assert len(leaves("token.revoked")) == 1
