"""The pages speak the language a person chose, else the cookie's, else the browser's."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import translation
from django.utils.formats import date_format, number_format

from expunge.accounts.services import language_prefer
from expunge.common.clock import now
from expunge.common.errors import InvalidInputError, NotAllowedError
from tests.expunge.factories import SYSTEM, People
from tests.expunge.web.conftest import SignedIn


def spoken(client: Client, address: str = "/", **headers: str) -> str:
    answer = client.get(address, headers=headers)
    language = answer.headers["Content-Language"]
    assert f'<html lang="{language}"' in answer.content.decode()
    return language


def test_the_browser_is_followed_until_somebody_chooses(signed_in: SignedIn, cast: People) -> None:
    alice = signed_in(cast.alice)
    assert spoken(alice) == "en"
    assert spoken(alice, **{"Accept-Language": "de-AT,de;q=0.9"}) == "de"
    answer = alice.post("/language/", {"language": "en", "next": "/tickets/?state=closed"})
    assert answer.headers["Location"] == "/tickets/?state=closed"
    assert spoken(alice, **{"Accept-Language": "de"}) == "en"


def test_the_choice_follows_the_person_to_another_device(signed_in: SignedIn, cast: People) -> None:
    signed_in(cast.alice).post("/language/", {"language": "de"})
    assert spoken(signed_in(cast.alice)) == "de"
    assert spoken(signed_in(cast.bob)) == "en"


def test_who_has_not_signed_in_chooses_for_the_device(cast: People) -> None:
    stranger = Client()
    stranger.post("/language/", {"language": "de"})
    assert spoken(stranger, "/sign-in/") == "de"
    assert spoken(Client(), "/sign-in/") == "en"


def test_a_language_that_is_not_there_changes_nothing(signed_in: SignedIn, cast: People) -> None:
    alice = signed_in(cast.alice)
    assert alice.post("/language/", {"language": "xx"}).status_code == 302
    assert spoken(alice) == "en"
    with pytest.raises(InvalidInputError):
        language_prefer(actor=cast.alice, language="xx")
    with pytest.raises(NotAllowedError):
        language_prefer(actor=SYSTEM, language="de")


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/", "evil", ""])
def test_the_switch_leads_nowhere_else(signed_in: SignedIn, cast: People, target: str) -> None:
    answer = signed_in(cast.alice).post("/language/", {"language": "de", "next": target})
    assert answer.headers["Location"] == "/"


def test_every_page_offers_both_languages(signed_in: SignedIn, cast: People) -> None:
    page = signed_in(cast.alice).get("/tickets/").content.decode()
    assert 'lang="de"' in page and 'value="/tickets/"' in page


def test_days_and_numbers_are_written_as_the_language_writes_them() -> None:
    moment = now().replace(year=2026, month=3, day=2)
    with translation.override("de"):
        assert date_format(moment, "DATE_FORMAT") == "2. Mär 2026"
        assert number_format(12345.5, force_grouping=True) == "12.345,5"
    with translation.override("en"):
        assert date_format(moment, "DATE_FORMAT") == "2 Mar 2026"
        assert number_format(12345.5, force_grouping=True) == "12,345.5"
