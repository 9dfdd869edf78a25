"""Inviting people, letting them go, and what an organisation chooses."""

from __future__ import annotations

import re
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.test import Client

from expunge.accounts import people as services
from expunge.accounts.models import ApiToken, ControllerPolicy, Membership, Role, User
from expunge.accounts.permissions import Actor
from expunge.accounts.policies import controller_change, policy_change
from expunge.accounts.selectors import people_of, policy_history, policy_of, tokens_at
from expunge.accounts.services import membership_grant, membership_revoke, token_create
from expunge.accounts.tokens import token_grant
from expunge.common.errors import (
    ConflictError,
    DomainError,
    InvalidInputError,
    NotAllowedError,
    NotFoundError,
)
from tests.expunge.factories import PASSWORD, People, leaves, person

OTHERS = ("alice", "bob", "carol", "dora", "mallory")


def invite(cast: People, actor: Actor | None = None, **given: Any) -> User:
    valid = {"email": "eve@riverland.example", "name": "Eve", "roles": ["dpo"]}
    return services.user_invite(
        actor=actor or cast.ada, controller_id=cast.controller.pk, **{**valid, **given}
    )


def link() -> str:
    bodies = "".join(str(message.body) for message in mail.outbox)
    found: list[str] = re.findall(r"https?://[^/]+(/password/new/\S+)", bodies)
    return found[-1]


def user_of(actor: Actor) -> User:
    assert actor.user is not None
    return actor.user


def test_an_invited_person_sets_a_password_and_signs_in(cast: People) -> None:
    invite(cast)
    client = Client()
    address = client.get(link()).headers["Location"]
    client.post(address, {"password1": PASSWORD, "password2": PASSWORD})
    client.post("/sign-in/", {"login": "eve@riverland.example", "password": PASSWORD})
    assert client.get("/tickets/").status_code == 200
    assert [leaf["data"] for leaf in leaves("user.invited")] == [{"roles": ["dpo"]}]
    assert "eve" not in str(leaves("user.invited")).lower()


def test_an_invitation_works_once(cast: People) -> None:
    invite(cast)
    for password, expected in ((PASSWORD, True), ("some other passphrase 3", False)):
        client = Client()
        answer = client.get(link())
        if expected:
            body = {"password1": password, "password2": password}
            client.post(answer.headers["Location"], body)
        else:
            assert b"This link has been used" in answer.content
    assert User.objects.get(email="eve@riverland.example").check_password(PASSWORD)


def test_without_a_mail_there_is_no_invitation(
    cast: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr(EmailBackend, "send_messages", refuse)
    with pytest.raises(ConflictError) as error:
        invite(cast)
    assert error.value.code == "mail_failed"
    assert not User.objects.filter(name="Eve").exists()


def test_a_person_of_another_organisation_keeps_their_name_and_password(cast: People) -> None:
    mallory = user_of(cast.mallory)
    invited = invite(cast, email=mallory.email.upper(), name="Somebody else")
    assert invited == mallory and invited.name == "Mallory"
    assert invited.check_password(PASSWORD)
    assert set(Membership.objects.filter(user=mallory).values_list("controller", flat=True)) == {
        cast.controller.pk,
        cast.elsewhere.pk,
    }


def test_an_invitation_is_repeated_until_it_is_used(cast: People) -> None:
    eve = invite(cast)
    again = {"actor": cast.ada, "controller_id": cast.controller.pk, "user_id": eve.pk}
    services.invitation_repeat(**again)
    assert len(mail.outbox) == 2
    client = Client()
    address = client.get(link()).headers["Location"]
    client.post(address, {"password1": PASSWORD, "password2": PASSWORD})
    client.post("/sign-in/", {"login": eve.email, "password": PASSWORD})
    with pytest.raises(ConflictError):
        services.invitation_repeat(**again)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"email": "nowhere"}, "email_invalid"),
        ({"name": ""}, "name_missing"),
        ({"roles": []}, "roles_missing"),
        ({"roles": ["emperor"]}, "role_unknown"),
    ],
)
def test_an_invitation_needs_an_address_a_name_and_a_role(
    cast: People, given: dict[str, Any], code: str
) -> None:
    with pytest.raises(InvalidInputError) as error:
        invite(cast, **given)
    assert error.value.code == code and not mail.outbox


def test_nobody_invites_themselves_to_a_role(cast: People) -> None:
    with pytest.raises(NotAllowedError) as error:
        invite(cast, email=user_of(cast.ada).email)
    assert error.value.code == "own_role"


def test_a_removed_person_loses_roles_tokens_sessions_and_account(cast: People) -> None:
    client = Client()
    client.post("/sign-in/", {"login": user_of(cast.carol).email, "password": PASSWORD})
    _, secret = token_create(
        actor=cast.carol, controller_id=cast.controller.pk, name="jobs", scopes=["ticket.view"]
    )
    services.user_remove(
        actor=cast.ada, controller_id=cast.controller.pk, user_id=user_of(cast.carol).pk
    )
    assert client.get("/tickets/").status_code == 302
    assert token_grant(secret) is None
    assert not Membership.objects.filter(user=cast.carol.user).exists()
    assert not User.objects.get(pk=user_of(cast.carol).pk).is_active
    assert [leaf["data"] for leaf in leaves("user.removed")] == [{"closed": True, "tokens": 1}]


def test_who_works_elsewhere_too_keeps_that(cast: People) -> None:
    Membership.objects.create(user=cast.carol.user, controller=cast.elsewhere, role=Role.DPO)
    services.user_remove(
        actor=cast.ada, controller_id=cast.controller.pk, user_id=user_of(cast.carol).pk
    )
    assert User.objects.get(pk=user_of(cast.carol).pk).is_active
    assert cast.carol.controllers("ticket.view") == {cast.elsewhere.pk}  # type: ignore[arg-type]


def test_who_comes_back_sets_a_new_password(cast: People) -> None:
    carol = user_of(cast.carol)
    services.user_remove(actor=cast.ada, controller_id=cast.controller.pk, user_id=carol.pk)
    again = invite(cast, email=carol.email)
    assert again.pk == carol.pk and again.is_active and not again.has_usable_password()


def test_the_last_administrator_stays(cast: People) -> None:
    system = Actor(system="console")
    ada = user_of(cast.ada)
    for act in (
        lambda: services.user_remove(
            actor=system, controller_id=cast.controller.pk, user_id=ada.pk
        ),
        lambda: membership_revoke(actor=cast.ada, membership=Membership.objects.get(user=ada)),
    ):
        with pytest.raises(ConflictError) as error:
            act()
        assert error.value.code == "last_administrator"
    second = person("Ana", cast.controller, Role.ADMINISTRATOR)
    services.user_remove(actor=second, controller_id=cast.controller.pk, user_id=ada.pk)
    assert not cast.ada.may("administer", cast.controller.pk)  # type: ignore[arg-type]


def test_a_closed_account_does_not_count_as_an_administrator(cast: People) -> None:
    person("Ana", cast.controller, Role.ADMINISTRATOR)
    User.objects.filter(name="Ana").update(is_active=False)
    with pytest.raises(ConflictError):
        membership_revoke(actor=cast.ada, membership=Membership.objects.get(user=user_of(cast.ada)))


def test_a_lost_second_factor_is_reset_by_another_administrator(cast: People) -> None:
    for actor in (cast.bob, cast.ada):
        Authenticator.objects.create(user=user_of(actor), type="totp", data={"secret": "x"})
    services.second_factor_reset(
        actor=cast.ada, controller_id=cast.controller.pk, user_id=user_of(cast.bob).pk
    )
    assert list(Authenticator.objects.values_list("user", flat=True)) == [user_of(cast.ada).pk]
    assert {leaf["actor"] for leaf in leaves("second_factor.removed")} == {cast.ada.pseudonym}
    with pytest.raises(NotAllowedError):
        services.second_factor_reset(
            actor=cast.ada, controller_id=cast.controller.pk, user_id=user_of(cast.ada).pk
        )


@pytest.mark.parametrize("name", OTHERS)
def test_only_an_administrator_of_the_organisation_does_any_of_this(
    cast: People, name: str
) -> None:
    actor, here = getattr(cast, name), cast.controller.pk
    bob = user_of(cast.bob)
    place = {"name": "X", "country": "DE", "subdivision": "", "time_zone": "Europe/Berlin"}
    before = Membership.objects.count()
    for act in (
        lambda: invite(cast, actor),
        lambda: services.invitation_repeat(actor=actor, controller_id=here, user_id=bob.pk),
        lambda: services.user_remove(actor=actor, controller_id=here, user_id=bob.pk),
        lambda: services.second_factor_reset(actor=actor, controller_id=here, user_id=bob.pk),
        lambda: membership_grant(actor=actor, user=bob, controller_id=here, role="dpo"),
        lambda: membership_revoke(actor=actor, membership=Membership.objects.get(user=bob)),
        lambda: policy_change(actor=actor, controller_id=here, public_intake=True),
        lambda: controller_change(actor=actor, controller_id=here, **place),
    ):
        with pytest.raises((NotAllowedError, NotFoundError)):
            act()
    assert Membership.objects.count() == before and not ControllerPolicy.objects.exists()
    assert not people_of(actor, here).exists() and not tokens_at(actor, here).exists()
    assert not policy_history(actor, here).exists()


def test_the_tokens_of_the_organisation_are_the_administrators_to_see(cast: People) -> None:
    make = {"name": "a", "scopes": ["ticket.view"]}
    token_create(actor=cast.alice, controller_id=cast.controller.pk, **make)
    token_create(actor=cast.mallory, controller_id=cast.elsewhere.pk, **make)
    assert list(tokens_at(cast.ada, cast.controller.pk)) == [
        ApiToken.objects.get(user=cast.alice.user)
    ]


def test_an_organisation_that_never_chose_has_the_defaults(cast: People) -> None:
    policy = policy_of(cast.controller.pk)
    assert (policy.number, policy.profile, policy.ladder) == (0, "erasure", [])
    assert (policy.batch_window_minutes, policy.identity_expiry_days) == (0, 30)
    assert (policy.retention_months, policy.public_intake) == (36, False)


def test_a_choice_is_kept_beside_the_earlier_ones(cast: People) -> None:
    here = {"actor": cast.ada, "controller_id": cast.controller.pk}
    policy_change(**here, batch_window_minutes=60)
    policy_change(**here, public_intake=True)
    policy_change(**here, public_intake=True)
    newest, oldest = policy_history(cast.ada, cast.controller.pk)
    assert (newest.number, newest.batch_window_minutes, newest.public_intake) == (2, 60, True)
    assert (oldest.number, oldest.public_intake) == (1, False)
    assert policy_of(cast.controller.pk) == newest and policy_of(cast.elsewhere.pk).number == 0
    assert [leaf["data"]["changed"] for leaf in leaves("policy.changed")] == [
        {"batch_window_minutes": 60},
        {"public_intake": True},
    ]


def test_methods_stand_in_the_order_of_their_strength(cast: People) -> None:
    policy = policy_change(
        actor=cast.ada, controller_id=cast.controller.pk, ladder=["retrain", "npo", "npo"]
    )
    assert policy.ladder == ["npo", "retrain"]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"batch_window_minutes": -1}, "number_out_of_range"),
        ({"identity_expiry_days": 0}, "number_out_of_range"),
        ({"retention_months": 10_000}, "number_out_of_range"),
        ({"retention_months": True}, "number_out_of_range"),
        ({"retention_months": "12"}, "number_out_of_range"),
        ({"profile": "perfect"}, "choice_unknown"),
        ({"ladder": ["magic"]}, "choice_unknown"),
        ({"second_factor_roles": ["emperor"]}, "choice_unknown"),
        ({"public_intake": "yes"}, "field_unknown"),
        ({"number": 7}, "field_unknown"),
    ],
)
def test_a_policy_takes_no_nonsense(cast: People, given: dict[str, Any], code: str) -> None:
    with pytest.raises(InvalidInputError) as error:
        policy_change(actor=cast.ada, controller_id=cast.controller.pk, **given)
    assert error.value.code == code and not ControllerPolicy.objects.exists()


def test_the_settings_of_an_organisation_are_changed(cast: People) -> None:
    changed = controller_change(
        actor=cast.ada,
        controller_id=cast.controller.pk,
        name="Riverland Clinics",
        country="de",
        subdivision="by",
        time_zone="Europe/Vienna",
    )
    assert (changed.name, changed.country, changed.subdivision) == ("Riverland Clinics", "DE", "BY")
    assert [leaf["data"] for leaf in leaves("controller.changed")] == [
        {"subdivision": "BY", "time_zone": "Europe/Vienna"}
    ]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"name": " "}, "name_missing"),
        ({"country": "XX"}, "country_unknown"),
        ({"subdivision": "TX"}, "subdivision_unknown"),
        ({"time_zone": "Moon/Sea"}, "time_zone_unknown"),
    ],
)
def test_an_organisation_stands_somewhere_with_a_calendar(
    cast: People, given: dict[str, str], code: str
) -> None:
    place = {"name": "X", "country": "DE", "subdivision": "BY", "time_zone": "Europe/Berlin"}
    with pytest.raises(DomainError) as error:
        controller_change(actor=cast.ada, controller_id=cast.controller.pk, **{**place, **given})
    assert error.value.code == code


def test_two_organisations_do_not_share_a_name(cast: People) -> None:
    with pytest.raises(ConflictError) as error:
        controller_change(
            actor=cast.ada,
            controller_id=cast.controller.pk,
            name=cast.elsewhere.name,
            country="DE",
            subdivision="",
            time_zone="Europe/Berlin",
        )
    assert error.value.code == "name_taken"
