"""Walls around every address: between organisations, against other sites, and between roles.

The addresses are found by walking the URL patterns, so a new one stands under these tests from
its first day.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.converters import get_converters

from expunge.accounts.models import ApiToken, Membership, Role
from expunge.accounts.permissions import Actor, Permission
from expunge.accounts.selectors import scopes_grantable
from expunge.accounts.services import token_create
from expunge.audit.models import Leaf
from expunge.certificates.models import Certificate
from expunge.jobs.models import Attempt, ErasureJob
from expunge.registry.models import DatasetVersion
from tests.expunge.factories import People
from tests.expunge.tour import Tour, tour
from tests.expunge.web.confirmed import confirm

SAMPLE = {
    "uuid": "00000000-0000-4000-8000-000000000000",
    "int": "1",
    "slug": "sample",
    "str": "sample",
    "path": "nothing/here",
}
PUBLIC = re.compile(
    r"^/(sign-in|sign-out|password|language|request|status|my-request|opendsr|opengdpr|drp|v1|"
    r"\.well-known|certificates/(?:status|schema)|verify|revocation|intake|ask|static)\b|"
    r"^/api/v1/(schema|docs|redoc)"
)
"""What strangers may call: the door, the public form, the protocols with their own signatures."""
CHANGING = ("post", "put", "patch", "delete")


@dataclass(frozen=True)
class Address:
    """One pattern: its text with placeholders, and the kinds of its parts by name."""

    text: str
    parts: dict[str, str]

    def filled(self, values: dict[str, str]) -> str:
        """Return an address with the given values, and samples elsewhere."""
        text = self.text
        for name, kind in self.parts.items():
            text = text.replace(f"<{name}>", values.get(name, sample_of(kind)))
        return text


def sample_of(kind: str) -> str:
    """Return something that a part of this kind takes."""
    if kind in SAMPLE or kind.startswith("="):
        return SAMPLE.get(kind, kind.removeprefix("="))
    converter = get_converters().get(kind)
    return converter.regex.strip("()").split("|")[0] if converter else "sample"


def addresses(resolver: Any = None, prefix: str = "/") -> Iterator[Address]:
    """Walk every URL pattern of the site."""
    for item in (resolver or get_resolver()).url_patterns:
        text = prefix + str(item.pattern)
        if isinstance(item, URLResolver):
            yield from addresses(item, text)
        elif isinstance(item, URLPattern):
            parts = {m[2]: m[1] for m in re.finditer(r"<(\w+):(\w+)>", text)}
            plain = re.sub(r"<\w+:(\w+)>", r"<\1>", text)
            parts |= {
                name: "=" + body.split("|")[0] if re.fullmatch(r"[\w|]+", body) else "uuid"
                for name, body in re.findall(r"\(\?P<(\w+)>([^)]*)\)", plain)
            }
            plain = re.sub(r"\(\?P<(\w+)>[^)]*\)", r"<\1>", plain)
            yield Address(re.sub(r"[\^$\\]", "", plain), parts)


ALL = {item.text: item for item in addresses()}
PAGES = sorted(text for text in ALL if not text.startswith("/api/") and not PUBLIC.match(text))
CALLS = sorted(text for text in ALL if text.startswith("/api/v1/") and not PUBLIC.match(text))


@pytest.fixture
def there(cast: People, tmp_path: Path) -> Tour:
    return tour(cast, tmp_path)


def ids_of(place: Tour) -> dict[str, list[str]]:
    """Return ids of things of the organisation, by the names that addresses use."""
    people = place.people
    tickets = [str(ticket.pk) for ticket in place.tickets.values()]
    token, _ = token_create(
        actor=people.alice, controller_id=people.controller.pk, name="a", scopes=["ticket.view"]
    )
    users = Membership.objects.filter(controller=people.controller)
    return {
        "ticket_id": tickets,
        "job_id": [str(pk) for pk in ErasureJob.objects.values_list("pk", flat=True)],
        "attempt_id": [str(pk) for pk in Attempt.objects.values_list("pk", flat=True)],
        "model_id": [str(place.original.model_id)],
        "version_id": [str(place.original.pk)],
        "dataset_id": [str(place.dataset.pk)],
        "dataset_version_id": [
            str(pk) for pk in DatasetVersion.objects.values_list("pk", flat=True)
        ],
        "certificate_id": [str(pk) for pk in Certificate.objects.values_list("pk", flat=True)],
        "controller_id": [str(people.controller.pk)],
        "user_id": [str(pk) for pk in users.values_list("user", flat=True)],
        "membership_id": [str(pk) for pk in users.values_list("pk", flat=True)],
        "token_id": [str(token.pk)],
        "seq": ["2"],
        "node_id": [str(place.erika.pk)],
    }


LOG = {"audit.Leaf", "audit.Node"}


def state_of(people: People) -> dict[str, Any]:
    """Return every row of the tables of the platform, without what reading itself writes."""
    left_out = {"accounts.ApiToken", "web.Draft", "api.Claim"}
    found: dict[str, Any] = {}
    for model in apps.get_models():
        label = model._meta.label
        if not model.__module__.startswith("expunge.") or label in left_out:
            continue
        rows = model._default_manager.all()
        names = [item.attname for item in model._meta.concrete_fields if item.name != "last_login"]
        found[label] = sorted(str(row) for row in rows.values_list(*names))
    found["tokens"] = sorted(map(str, ApiToken.objects.values_list("pk", "revoked_at")))
    return found


def fillings(item: Address, found: dict[str, list[str]]) -> Iterator[dict[str, str]]:
    """Fill the parts of an address with every id there is for them, side by side."""
    known = {name: found[name] for name in item.parts if found.get(name)}
    for index in range(max(map(len, known.values()), default=0)):
        yield {name: ids[min(index, len(ids) - 1)] for name, ids in known.items()}


def session_of(actor: Actor) -> Client:
    client = Client()
    assert actor.user is not None
    client.force_login(actor.user)
    return confirm(client, actor)


def script_of(actor: Actor, people: People) -> Client:
    here = people.elsewhere if actor is people.mallory else people.controller
    _, secret = token_create(
        actor=actor,
        controller_id=here.pk,
        name="script",
        scopes=scopes_grantable(actor, here.pk),
    )
    return Client(headers={"Authorization": f"Bearer {secret}"})


def call(client: Client, method: str, address: str) -> Any:
    if address.startswith("/api/"):
        return getattr(client, method)(address, data={}, content_type="application/json")
    return getattr(client, method)(address)


def test_there_are_addresses_to_walk() -> None:
    assert len(PAGES) > 40 and len(CALLS) > 20
    assert "/tickets/<ticket_id>/" in PAGES and "/api/v1/tickets/<ticket_id>" in CALLS


def test_mallory_finds_nothing_of_another_organisation(there: Tour) -> None:
    """She is refused, and in the same way as for ids that do not exist."""
    people = there.people
    found = ids_of(there)
    session, script = session_of(people.mallory), script_of(people.mallory, people)
    before = state_of(people)
    open_doors = []
    for text in [*PAGES, *CALLS]:
        item = ALL[text]
        if not set(item.parts) & set(found):
            continue
        client = script if text.startswith("/api/") else session
        for index, values in enumerate(fillings(item, found)):
            for method in ("get", *CHANGING) if index == 0 else ("get",):
                status = call(client, method, item.filled(values)).status_code
                strange = call(client, method, item.filled({})).status_code
                if status not in {403, 404, 405} and (status < 300 or status != strange):
                    open_doors.append(f"{method} {text}: {status}")
    assert not open_doors
    assert state_of(people) == before


def test_no_page_changes_anything_when_it_is_only_read(there: Tour) -> None:
    """All that reading may leave is an entry that says so: who took a list away."""
    people, found = there.people, ids_of(there)
    everybody = [session_of(getattr(people, name)) for name in ("alice", "carol", "ada")]
    before, size = state_of(people), Leaf.objects.count()
    for text in PAGES:
        values = {name: found[name][0] for name in ALL[text].parts if found.get(name)}
        for client in everybody:
            client.get(ALL[text].filled(values))
    written = Leaf.objects.filter(seq__gte=size).values_list("action", flat=True)
    assert set(written) <= {"tickets.exported"}
    after = state_of(people)
    assert {label for label in before if before[label] != after[label]} <= LOG


def test_no_form_is_taken_without_its_token(there: Tour) -> None:
    people, found = there.people, ids_of(there)
    taken = []
    before = None
    for actor in (people.alice, people.ada, people.carol):
        client = Client(enforce_csrf_checks=True)
        assert actor.user is not None
        client.force_login(actor.user)
        confirm(client, actor)
        before = before or state_of(people)
        for text in PAGES:
            values = {name: found[name][0] for name in ALL[text].parts if found.get(name)}
            for method in CHANGING:
                status = getattr(client, method)(ALL[text].filled(values)).status_code
                if status not in {403, 405}:
                    taken.append(f"{method} {text}: {status}")
    assert not taken
    assert state_of(people) == before


def test_a_session_is_no_way_into_the_api_and_a_token_none_into_the_pages(there: Tour) -> None:
    people, found = there.people, ids_of(there)
    session, script = session_of(people.alice), script_of(people.alice, people)
    for text in CALLS:
        values = {name: found[name][0] for name in ALL[text].parts if found.get(name)}
        assert session.get(ALL[text].filled(values)).status_code in {401, 404, 405}, text
    for text in PAGES:
        values = {name: found[name][0] for name in ALL[text].parts if found.get(name)}
        assert script.get(ALL[text].filled(values)).status_code in {302, 404, 405}, text


def test_a_stranger_reaches_nothing_but_the_door(there: Tour) -> None:
    found = ids_of(there)
    for text in [*PAGES, *CALLS]:
        values = {name: found[name][0] for name in ALL[text].parts if found.get(name)}
        answer = Client().get(ALL[text].filled(values))
        assert answer.status_code in {302, 401, 404, 405}, text
        if answer.status_code == 302:
            assert re.match(r"/(sign-in|account/confirm)", answer.headers["Location"]), text


ROLE_PAGES = {
    "/": "alice bob carol dora ada",
    "/tickets/": "alice bob carol dora ada",
    "/tickets/new/": "alice carol",
    "/models/": "alice bob carol dora ada",
    "/datasets/": "alice bob carol dora ada",
    "/certificates/": "alice bob carol dora ada",
    "/audit/": "alice dora",
    "/account/": "alice bob carol dora ada",
    "/account/tokens/new/": "alice bob carol dora ada",
    "/administration/<controller_id>/people/": "ada",
    "/administration/<controller_id>/tokens/": "ada",
    "/administration/<controller_id>/organisation/": "ada",
    "/administration/<controller_id>/policy/": "ada",
    "/tickets/<ticket_id>/": "alice bob carol dora",
    "/models/<model_id>/": "alice bob carol dora",
    "/datasets/<dataset_id>/": "alice bob carol dora",
    "/audit/<seq>/": "alice dora",
}
"""Who may open which page. Lists open for everybody and show what one may see, if anything."""


@pytest.mark.parametrize("name", ["alice", "bob", "carol", "dora", "ada"])
def test_each_role_opens_its_pages_and_no_others(there: Tour, name: str) -> None:
    found, client = ids_of(there), session_of(getattr(there.people, name))
    for text, allowed in ROLE_PAGES.items():
        values = {part: found[part][0] for part in ALL[text].parts if found.get(part)}
        status = client.get(ALL[text].filled(values)).status_code
        expected = {200} if name in allowed.split() else {403, 404}
        assert status in expected, f"{name} {text}: {status}"


def test_a_token_opens_what_its_scopes_say_and_no_more(there: Tour) -> None:
    people, here = there.people, there.people.controller.pk
    needs = {
        "/api/v1/tickets": Permission.TICKET_VIEW,
        "/api/v1/models": Permission.REGISTRY_VIEW,
        "/api/v1/certificates": Permission.CERTIFICATE_VIEW,
        "/api/v1/audit/leaves": Permission.AUDIT_VIEW,
    }
    for scope in needs.values():
        _, secret = token_create(
            actor=people.alice, controller_id=here, name=str(scope), scopes=[scope]
        )
        client = Client(headers={"Authorization": f"Bearer {secret}"})
        for address, needed in needs.items():
            answer = client.get(address)
            rows = answer.json().get("results", []) if answer.status_code == 200 else []
            assert bool(rows) <= (needed == scope), f"{address} with {scope}"


def test_a_second_membership_opens_nothing_through_the_first(there: Tour) -> None:
    """Mallory joins as an auditor: she reads, and still changes nothing."""
    people = there.people
    Membership.objects.create(
        user=people.mallory.user, controller=people.controller, role=Role.AUDITOR
    )
    session, ticket = session_of(people.mallory), there.tickets["review"]
    assert session.get(f"/tickets/{ticket.pk}/").status_code == 200
    before = Leaf.objects.count()
    for task in ("approve", "reject", "hold", "withdraw", "submit"):
        answer = session.post(f"/tickets/{ticket.pk}/{task}/", {"text": "x", "code": "x"})
        assert answer.status_code in {403, 404, 409, 422}, task
    assert Leaf.objects.count() == before
