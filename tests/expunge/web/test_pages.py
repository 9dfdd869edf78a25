"""Every page renders for those it is for, safely, and says nothing to others."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import URLPattern, get_resolver, reverse
from django.urls.converters import get_converters

from expunge.audit.checks import check_carry_out
from tests.expunge.factories import People
from tests.expunge.tour import NAMES, Tour
from tests.expunge.web.addresses import pages_of
from tests.expunge.web.conftest import SignedIn

INLINE = re.compile(
    r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|javascript:|hx-on", re.IGNORECASE
)
OPEN_TO_ALL = {
    *("sign-in", "sign-out", "language", "recipient-confirm"),
    *("certificate-status", "certificate-schema"),
}


def test_every_page_renders_for_the_officer(signed_in: SignedIn, grand_tour: Tour) -> None:
    alice = signed_in(grand_tour.people.alice)
    for name, address in pages_of(grand_tour).items():
        assert alice.get(address).status_code == 200, name


def test_no_page_holds_script_or_style_of_its_own(signed_in: SignedIn, grand_tour: Tour) -> None:
    alice = signed_in(grand_tour.people.alice)
    for name, address in {**pages_of(grand_tour), "missing": "/no/such/page"}.items():
        assert not INLINE.findall(alice.get(address).content.decode()), name
    assert not INLINE.findall(Client().get("/sign-in/").content.decode())


def test_browsers_are_told_to_trust_nothing_else(signed_in: SignedIn, cast: People) -> None:
    headers = signed_in(cast.alice).get("/").headers
    policy = headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy and "default-src 'none'" in policy
    assert "unsafe" not in policy and "frame-ancestors 'none'" in policy
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"


def test_no_cache_keeps_a_page(signed_in: SignedIn, grand_tour: Tour) -> None:
    alice = signed_in(grand_tour.people.alice)
    for name, address in pages_of(grand_tour).items():
        assert "no-store" in alice.get(address).headers["Cache-Control"], name


def test_no_address_on_a_page_holds_a_name(signed_in: SignedIn, grand_tour: Tour) -> None:
    alice = signed_in(grand_tour.people.alice)
    parts = {part for name in NAMES for part in name.split()}
    for name, address in pages_of(grand_tour).items():
        page = alice.get(address).content.decode()
        for link in re.findall(r'(?:href|action|hx-get|hx-post)="([^"]*)"', page):
            assert not any(part in link for part in parts), name


def test_an_ended_ticket_no_longer_names_the_person(signed_in: SignedIn, grand_tour: Tour) -> None:
    alice = signed_in(grand_tour.people.alice)
    pages = {
        name: alice.get(f"/tickets/{grand_tour.tickets[name].pk}/").content.decode()
        for name in ("review", "closed", "rejected")
    }
    named = {name for name, page in pages.items() if any(person in page for person in NAMES)}
    assert named == {"review"}


def test_a_stranger_is_asked_to_sign_in_everywhere(db: None) -> None:
    samples = {"uuid": "00000000-0000-4000-8000-000000000000", "int": "1", "str": "x", "slug": "x"}

    def sample(found: re.Match[str]) -> str:
        return samples.get(found[1]) or str(get_converters()[found[1]].regex).split("|")[0]

    for pattern in get_resolver("expunge.web.urls").url_patterns:
        assert isinstance(pattern, URLPattern)
        if pattern.name in OPEN_TO_ALL:
            continue
        address = re.sub(r"<(\w+):\w+>", sample, f"/{pattern.pattern}")
        address = re.sub(r"\(\?P<\w+>\[0-9a-f-\]\{36\}\)", samples["uuid"], address)
        address = re.sub(r"\(\?P<\w+>([\w-]+)[^)]*\)", r"\1", address)
        address = address.replace("^", "").removesuffix("$")
        for method in ("get", "post"):
            answer = getattr(Client(), method)(address)
            assert answer.status_code in {302, 405}, address
            if answer.status_code == 302:
                assert answer.headers["Location"].startswith(reverse("web:sign-in")), address


@pytest.mark.parametrize("who", ["mallory", "ada"])
def test_who_belongs_elsewhere_learns_nothing(
    signed_in: SignedIn, grand_tour: Tour, who: str
) -> None:
    client = signed_in(getattr(grand_tour.people, who))
    for name, address in pages_of(grand_tour).items():
        answer = client.get(address)
        page = answer.content.decode()
        particular = re.search(r"[0-9a-f]{8}-|/\d+/", address)
        assert answer.status_code in ({404, 403} if particular else {200, 403}), name
        assert not any(patient in page for patient in NAMES), name
        assert not any(ticket.reference in page for ticket in grand_tour.tickets.values()), name


def test_the_audit_log_is_closed_to_engineers(signed_in: SignedIn, cast: People) -> None:
    assert signed_in(cast.carol).get("/audit/").status_code == 403
    assert signed_in(cast.dora).get("/audit/").status_code == 200


def test_only_those_who_decide_read_what_the_person_wrote(
    signed_in: SignedIn, grand_tour: Tour
) -> None:
    address = f"/tickets/{grand_tour.tickets['review'].pk}/"
    words = b"Please forget everything about me."
    assert words in signed_in(grand_tour.people.alice).get(address).content
    assert words in signed_in(grand_tour.people.bob).get(address).content
    assert words not in signed_in(grand_tour.people.carol).get(address).content
    assert words not in signed_in(grand_tour.people.dora).get(address).content


def test_a_page_that_is_not_there_says_so_in_words(signed_in: SignedIn, cast: People) -> None:
    answer = signed_in(cast.alice).get("/tickets/00000000-0000-4000-8000-000000000000/")
    assert answer.status_code == 404 and b"There is no such ticket for you." in answer.content


def test_auditors_ask_whether_the_log_holds(signed_in: SignedIn, grand_tour: Tour) -> None:
    dora = signed_in(grand_tour.people.dora)
    assert dora.post("/audit/check/").status_code == 302
    assert b"is being checked" in dora.get("/audit/").content
    check_carry_out()
    assert b"The log holds." in dora.get("/audit/").content
    assert signed_in(grand_tour.people.carol).post("/audit/check/").status_code == 403


@pytest.mark.parametrize("name", ["dashboard", "tickets", "ticket-closed", "audit", "file"])
def test_a_page_asks_the_database_a_bounded_number_of_questions(
    signed_in: SignedIn, grand_tour: Tour, name: str, django_assert_max_num_queries: object
) -> None:
    alice = signed_in(grand_tour.people.alice)
    with django_assert_max_num_queries(60):  # type: ignore[operator]
        alice.get(pages_of(grand_tour)[name])
