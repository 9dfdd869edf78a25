"""Roles give permissions for one organisation, and for no other."""

from __future__ import annotations

import pytest

from expunge.accounts.models import Membership, Role
from expunge.accounts.permissions import ROLE_PERMISSIONS, Actor, Permission
from expunge.accounts.selectors import controllers_of, members_visible
from expunge.accounts.services import membership_grant, membership_revoke, user_create
from expunge.common.errors import ConflictError, InvalidInputError, NotAllowedError
from tests.expunge.factories import PASSWORD, People, leaves, person

EXPECTED = {
    "alice": {"ticket.view", "registry.view", "certificate.view", "ticket.file", "ticket.review"}
    | {"audit.view", "certificate.revoke"},
    "bob": {"ticket.view", "registry.view", "certificate.view", "ticket.approve"},
    "carol": {"ticket.view", "registry.view", "certificate.view", "ticket.file", "job.operate"}
    | {"registry.write"},
    "dora": {"ticket.view", "registry.view", "certificate.view", "audit.view"},
    "ada": {"administer"},
    "mallory": set(),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_each_role_gives_exactly_its_permissions(cast: People, name: str) -> None:
    actor: Actor = getattr(cast, name)
    held = {str(item) for item in Permission if actor.may(item, cast.controller.pk)}
    assert held == EXPECTED[name]


def test_every_permission_belongs_to_some_role() -> None:
    assert frozenset().union(*ROLE_PERMISSIONS.values()) == frozenset(Permission)


def test_no_role_can_both_review_and_approve() -> None:
    both = {Permission.TICKET_REVIEW, Permission.TICKET_APPROVE}
    assert not [role for role, held in ROLE_PERMISSIONS.items() if both <= held]


def test_roles_end_at_the_door_of_the_organisation(cast: People) -> None:
    assert list(controllers_of(cast.mallory)) == [cast.elsewhere]
    assert list(controllers_of(cast.alice)) == [cast.controller]


def test_a_person_who_left_may_do_nothing(cast: People) -> None:
    assert cast.alice.user is not None
    cast.alice.user.is_active = False
    cast.alice.user.save()
    assert not cast.alice.may(Permission.TICKET_VIEW, cast.controller.pk)
    assert cast.alice.controllers(Permission.TICKET_VIEW) == frozenset()


def test_nobody_at_all_may_do_nothing(cast: People) -> None:
    assert not Actor().may(Permission.TICKET_VIEW, cast.controller.pk)
    assert Actor().controllers(Permission.TICKET_VIEW) == frozenset()


def test_an_administrator_creates_a_person_and_gives_a_role(cast: People) -> None:
    user = user_create(
        actor=cast.ada,
        controller_id=cast.controller.pk,
        email="eve@riverland.example",
        name="Eve",
        password=PASSWORD,
    )
    grant = {"actor": cast.ada, "user": user, "controller_id": cast.controller.pk}
    membership_grant(**grant, role=Role.DPO)
    membership_grant(**grant, role=Role.DPO)
    assert user.check_password(PASSWORD)
    assert Actor(user=user).may(Permission.TICKET_REVIEW, cast.controller.pk)
    (created,), (granted,) = leaves("user.created"), leaves("membership.granted")
    assert created["actor"] == cast.ada.pseudonym
    assert granted["data"] == {"role": "dpo"}
    assert "eve" not in str([created, granted]).lower()


def test_a_role_taken_away_is_gone_and_audited(cast: People) -> None:
    membership_revoke(actor=cast.ada, membership=Membership.objects.get(user=cast.bob.user))
    assert not cast.bob.may(Permission.TICKET_APPROVE, cast.controller.pk)
    assert [leaf["data"] for leaf in leaves("membership.revoked")] == [{"role": "approver"}]


def test_nobody_gives_a_role_to_themselves(cast: People) -> None:
    assert cast.ada.user is not None
    with pytest.raises(NotAllowedError) as error:
        membership_grant(
            actor=cast.ada, user=cast.ada.user, controller_id=cast.controller.pk, role=Role.DPO
        )
    assert error.value.code == "own_role"


def test_only_an_administrator_manages_people(cast: People) -> None:
    for actor in (cast.alice, cast.bob, cast.carol, cast.dora, cast.mallory):
        with pytest.raises(NotAllowedError):
            user_create(
                actor=actor, controller_id=cast.controller.pk, email="x@y.example", name="X"
            )
        assert not members_visible(actor, cast.controller.pk).exists()
    assert members_visible(cast.ada, cast.controller.pk).count() == 5


def test_a_person_without_a_password_cannot_sign_in_yet(cast: People) -> None:
    user = user_create(
        actor=cast.ada, controller_id=cast.controller.pk, email="new@riverland.example", name="New"
    )
    assert not user.has_usable_password()


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"email": "nowhere"}, "email_invalid"),
        ({"name": " "}, "name_missing"),
        ({"password": "123"}, "password_weak"),
    ],
)
def test_a_person_needs_a_mail_address_a_name_and_a_good_password(
    cast: People, given: dict[str, str], code: str
) -> None:
    valid = {"email": "eve@riverland.example", "name": "Eve", "password": PASSWORD}
    with pytest.raises(InvalidInputError) as error:
        user_create(actor=cast.ada, controller_id=cast.controller.pk, **{**valid, **given})
    assert error.value.code == code


def test_one_mail_address_has_one_account(cast: People) -> None:
    taken = person("Eve", cast.controller).user
    assert taken is not None
    with pytest.raises(ConflictError) as error:
        user_create(
            actor=cast.ada,
            controller_id=cast.controller.pk,
            email=taken.email.upper(),
            name="Another",
        )
    assert error.value.code == "email_taken"


def test_there_are_no_roles_but_the_known_ones(cast: People) -> None:
    assert cast.bob.user is not None
    with pytest.raises(InvalidInputError) as error:
        membership_grant(
            actor=cast.ada, user=cast.bob.user, controller_id=cast.controller.pk, role="emperor"
        )
    assert error.value.code == "role_unknown"
