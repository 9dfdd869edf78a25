"""Signing in with the organisation's OpenID Connect provider."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount, SocialToken
from cryptography.hazmat.primitives.asymmetric import rsa
from django.test import Client

from expunge.accounts.models import Membership, User
from expunge.accounts.permissions import Actor
from expunge.config.settings.sign_in import oidc_providers
from tests.expunge.factories import PASSWORD, People
from tests.expunge.web.provider import CLIENT_ID, CLIENT_SECRET, Provider, serve


@pytest.fixture
def provider(settings: Any) -> Iterator[Provider]:
    there = Provider()
    server = serve(there)
    settings.SOCIALACCOUNT_PROVIDERS = oidc_providers(
        there.url, CLIENT_ID, CLIENT_SECRET, "Riverland"
    )
    yield there
    server.shutdown()
    server.server_close()


def prove(actor: Actor) -> User:
    """Have somebody's address proven, as a link by mail does."""
    assert actor.user is not None
    EmailAddress.objects.create(
        user=actor.user, email=actor.user.email, verified=True, primary=True
    )
    return actor.user


def go(client: Client, next_page: str = "") -> Any:
    """Go to the provider and back, as a browser does."""
    query = f"?next={next_page}" if next_page else ""
    there = client.post(f"/sign-in/with/sso/{query}").headers["Location"]
    back = urlsplit(httpx.get(there).headers["Location"])
    return client.get(f"{back.path}?{back.query}")


def is_in(client: Client) -> bool:
    return client.get("/").status_code == 200


def says(user: User, **claims: Any) -> dict[str, Any]:
    return {"email": user.email, "email_verified": True, "name": user.name, **claims}


def test_the_sign_in_page_offers_the_provider(client: Client, provider: Provider, db: None) -> None:
    assert b"Sign in with Riverland" in client.get("/sign-in/").content


def test_without_a_provider_nothing_is_offered(client: Client, db: None) -> None:
    assert b"Sign in with" not in client.get("/sign-in/").content
    assert client.post("/sign-in/with/sso/").status_code == 404


def test_a_known_person_with_a_proven_address_comes_in(
    client: Client, provider: Provider, cast: People
) -> None:
    provider.claims = says(prove(cast.alice))
    assert go(client, "/tickets/").headers["Location"] == "/tickets/"
    assert is_in(client)
    assert Client().post("/sign-in/", {}).status_code == 200
    assert cast.alice.user is not None and cast.alice.user.check_password(PASSWORD)
    assert not SocialToken.objects.exists()


def test_the_second_time_the_subject_counts_and_not_the_address(
    client: Client, provider: Provider, cast: People
) -> None:
    alice = prove(cast.alice)
    provider.claims = says(alice)
    go(client)
    provider.claims = says(alice, email="alice@married.example")
    again = Client()
    go(again)
    assert is_in(again) and SocialAccount.objects.get().user == alice


def test_an_address_that_only_the_administrator_typed_opens_nothing(
    client: Client, provider: Provider, cast: People
) -> None:
    assert cast.alice.user is not None
    provider.claims = says(cast.alice.user)
    assert b"There is no account here for you" in go(client).content
    assert not is_in(client) and not SocialAccount.objects.exists()


@pytest.mark.parametrize("verified", [False, "true", None])
def test_an_address_that_the_provider_has_not_proven_opens_nothing(
    client: Client, provider: Provider, cast: People, verified: object
) -> None:
    provider.claims = says(prove(cast.alice), email_verified=verified)
    go(client)
    assert not is_in(client)


def test_somebody_unknown_gets_no_account(client: Client, provider: Provider, cast: People) -> None:
    provider.claims = {"email": "eve@x.example", "email_verified": True, "name": "Eve"}
    assert b"There is no account here for you" in go(client).content
    assert not User.objects.filter(email="eve@x.example").exists()


def test_where_the_deployment_chose_so_they_get_one_without_any_role(
    client: Client, provider: Provider, cast: People, settings: Any
) -> None:
    settings.EXPUNGE_OIDC_CREATE = True
    provider.claims = {"email": "eve@x.example", "email_verified": True, "name": "Eve"}
    go(client)
    eve = User.objects.get(email="eve@x.example")
    assert is_in(client) and eve.name == "Eve" and not eve.has_usable_password()
    assert not Membership.objects.filter(user=eve).exists()


def test_even_then_nobody_takes_over_an_account_by_its_address(
    client: Client, provider: Provider, cast: People, settings: Any
) -> None:
    settings.EXPUNGE_OIDC_CREATE = True
    assert cast.alice.user is not None
    provider.claims = says(cast.alice.user)
    go(client)
    assert not is_in(client) and not SocialAccount.objects.exists()


@pytest.mark.parametrize(
    "altered",
    [{"aud": "somebody else"}, {"iss": "https://evil.example"}, {"exp": 1_000_000_000}],
    ids=["audience", "issuer", "expired"],
)
def test_a_token_that_is_not_for_us_opens_nothing(
    client: Client, provider: Provider, cast: People, altered: dict[str, Any]
) -> None:
    provider.claims, provider.altered = says(prove(cast.alice)), altered
    assert b"That did not work" in go(client).content
    assert not is_in(client)


def test_a_token_signed_by_somebody_else_opens_nothing(
    client: Client, provider: Provider, cast: People
) -> None:
    provider.claims = says(prove(cast.alice))
    provider.forger = rsa.generate_private_key(65537, 2048)
    assert b"That did not work" in go(client).content
    assert not is_in(client)


def test_the_address_may_come_from_the_userinfo_endpoint_for_the_same_subject_only(
    client: Client, provider: Provider, cast: People
) -> None:
    told = says(prove(cast.alice))
    provider.told = {"sub": "somebody else", **told}
    go(client)
    assert not is_in(client)
    provider.told = {"sub": provider.subject, **told}
    go(client)
    assert is_in(client)


def test_an_answer_that_nobody_asked_for_opens_nothing(
    client: Client, provider: Provider, cast: People
) -> None:
    provider.claims = says(prove(cast.alice))
    there = Client().post("/sign-in/with/sso/").headers["Location"]
    back = urlsplit(httpx.get(there).headers["Location"])
    client.get(f"{back.path}?{back.query}")
    assert not is_in(client)


def test_who_stops_at_the_provider_is_told_so(client: Client, provider: Provider, db: None) -> None:
    provider.denies = True
    answer = go(client)
    assert answer.headers["Location"] == "/sign-in/cancelled/"
    assert b"You stopped signing in" in client.get("/sign-in/cancelled/").content


def test_a_closed_account_stays_closed(client: Client, provider: Provider, cast: People) -> None:
    alice = prove(cast.alice)
    User.objects.filter(pk=alice.pk).update(is_active=False)
    provider.claims = says(alice)
    go(client)
    assert not is_in(client)
