"""A data subject's way in a real browser: ask, show the address, follow, withdraw."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from playwright.sync_api import Browser, Page

from expunge.accounts.models import ControllerPolicy
from expunge.certificates.publication import status_publish
from expunge.certificates.selectors import certificate_pdf
from expunge.certificates.services import certificate_issue
from expunge.subjects.intake import intake_receive
from expunge.subjects.intake_payload import IntakePayload
from expunge.subjects.models import IntakeRequest
from tests.e2e.conftest import SignIn
from tests.e2e.test_looks import look, opened
from tests.expunge.certificates.samples import FACTS
from tests.expunge.factories import SYSTEM, People
from tests.expunge.subjects.conftest import mailed_code, mailed_link
from tests.expunge.tour import tour

pytestmark = pytest.mark.browser


@pytest.fixture
def form(cast: People, settings: Any) -> str:
    settings.EXPUNGE_PUBLIC_INTAKE = True
    ControllerPolicy.objects.create(controller=cast.controller, number=1, public_intake=True)
    return f"/ask/{cast.controller.pk}/"


@pytest.fixture
def stranger(browser: Browser, live_server: object) -> Iterator[Any]:
    contexts = []

    def visit(width: int = 390, scheme: str = "light", **given: Any) -> Page:
        context = browser.new_context(
            base_url=str(live_server),
            viewport={"width": width, "height": 844},
            color_scheme="dark" if scheme == "dark" else "light",
            **given,
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        return page

    yield visit
    for context in contexts:
        context.close()


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1280, "dark")])
def test_a_stranger_asks_follows_and_withdraws(
    stranger: Any, form: str, pictures: Path, width: int, scheme: str
) -> None:
    page = stranger(width, scheme)
    told: list[str] = []
    page.on("console", lambda said: told.append(said.text) if said.type == "error" else None)
    kind = f"{width}-{scheme}"
    page.goto(form)
    wrong = look(page, f"public-ask-{kind}", pictures)
    page.get_by_role("button", name="Send the request").click()
    page.get_by_text("This field is required").first.wait_for()
    wrong += look(page, f"public-ask-wrong-{kind}", pictures)
    page.get_by_label("Your name").fill("Erika Mustermann")
    page.get_by_label("How we reach you").fill("erika@home.example")
    page.get_by_label("What should be deleted").fill("I was a patient in 2019.")
    page.get_by_role("button", name="Send the request").click()
    page.get_by_text("We have received your request").wait_for()
    wrong += look(page, f"public-received-{kind}", pictures)

    page.goto(mailed_link())
    page.wait_for_url("**/request/")
    assert not re.search(r"/request/[\w-]{20,}", page.content())
    wrong += look(page, f"public-status-{kind}", pictures)
    page.get_by_label("Code of our letter").fill("22222-22222")
    page.get_by_role("button", name="Enter the code").click()
    page.get_by_text("not the code").wait_for()
    page.get_by_label("Code of our letter").fill(mailed_code())
    page.get_by_role("button", name="Enter the code").click()
    page.get_by_role("button", name="Enter the code").wait_for(state="detached")

    page.get_by_role("link", name="Withdraw the request").click()
    wrong += look(page, f"public-withdraw-{kind}", pictures)
    page.get_by_label("Yes, I withdraw").check()
    page.get_by_role("button", name="Withdraw").click()
    page.get_by_text("Withdrawn").wait_for()
    page.get_by_role("button", name="Leave this page").click()
    page.get_by_role("heading", name="You have left").wait_for()
    page.goto("/request/")
    page.get_by_role("heading", name="This link leads nowhere").wait_for()
    wrong += look(page, f"public-ended-{kind}", pictures)
    assert not wrong
    assert told in (
        [],
        ["Failed to load resource: the server responded with a status of 404 (Not Found)"],
    )
    assert IntakeRequest.objects.get().standing == "withdrawn"


def test_a_stranger_whose_browser_speaks_german_is_answered_in_german(
    stranger: Any, form: str, pictures: Path
) -> None:
    page = stranger(locale="de-DE")
    page.goto(form)
    wrong = look(page, "public-ask-390-german", pictures)
    page.get_by_label("Ihr Name").fill("Erika Mustermann")
    page.get_by_label("Wie wir Sie erreichen").fill("erika@home.example")
    page.get_by_label("Was gelöscht werden soll").fill("Ich war 2019 Patientin.")
    page.get_by_role("button", name="Antrag senden").click()
    page.get_by_text("Wir haben Ihren Antrag erhalten").wait_for()
    wrong += look(page, "public-received-390-german", pictures)
    page.goto(mailed_link())
    page.wait_for_url("**/request/")
    page.get_by_label("Code aus unserem Schreiben").fill("22222-22222")
    page.get_by_role("button", name="Code eingeben").click()
    page.get_by_text("nicht der Code").wait_for()
    wrong += look(page, "public-status-390-german", pictures)
    assert page.locator("html").get_attribute("lang") == "de"
    assert not wrong


def test_everything_works_without_javascript(stranger: Any, form: str) -> None:
    page = stranger(java_script_enabled=False)
    page.goto(form)
    page.get_by_label("Your name").fill("Erika Mustermann")
    page.get_by_label("How we reach you").fill("erika@home.example")
    page.get_by_role("button", name="Send the request").click()
    page.goto(mailed_link())
    page.get_by_label("Code of our letter").fill(mailed_code())
    page.get_by_role("button", name="Enter the code").click()
    assert page.get_by_role("button", name="Enter the code").count() == 0


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_staff_deal_with_what_was_asked(  # noqa: PLR0913, PLR0917 - what the test needs
    sign_in: SignIn,
    cast: People,
    form: str,
    pictures: Path,
    tmp_path: Path,
    width: int,
    scheme: str,
) -> None:
    there = tour(cast, tmp_path)
    for name in ("Erika Mustermann", "Max Beispiel"):
        said = IntakePayload(name, "somebody@home.example", "Please delete my visits of 2019.")
        intake, _ = intake_receive(
            controller_id=cast.controller.pk, regime="gdpr", payload=said, language="en"
        )
    page = sign_in(cast.alice, width=width, scheme=scheme)
    kind = f"{width}-{scheme}"
    page.goto("/intake/")
    wrong = look(page, f"intake-queue-{kind}", pictures)
    page.get_by_role("link", name=intake.reference).click()
    opened(page)
    wrong += look(page, f"intake-{kind}", pictures)
    page.goto(f"/tickets/{there.tickets['identity'].pk}/")
    opened(page)
    wrong += look(page, f"ticket-person-{kind}", pictures)
    page.get_by_role("button", name="Make a link").click()
    page.get_by_label("Address").wait_for()
    wrong += look(page, f"ticket-link-{kind}", pictures)
    assert not wrong


def issued_pdf(cast: People) -> bytes:
    try:
        made = certificate_issue(
            facts=FACTS, ticket_id=UUID(int=1), controller_id=cast.controller.pk, actor=SYSTEM
        )
        status_publish()
        return certificate_pdf(made)
    finally:
        connection.close()


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1280, "dark")])
def test_anybody_checks_a_certificate(
    stranger: Any, cast: People, pictures: Path, width: int, scheme: str
) -> None:
    # Signing runs an event loop of its own, and the browser's is in this thread.
    with ThreadPoolExecutor(1) as pool:
        pdf = pool.submit(issued_pdf, cast).result()
    page = stranger(width, scheme)
    kind = f"{width}-{scheme}"
    page.goto("/verify/")
    wrong = look(page, f"public-verify-{kind}", pictures)
    file = {"name": "c.pdf", "mimeType": "application/pdf", "buffer": pdf}
    page.get_by_label("The certificate (PDF)").set_input_files(file)
    page.get_by_role("button", name="Check", exact=True).click()
    page.get_by_role("heading", name="Valid", exact=True).wait_for(timeout=60_000)
    wrong += look(page, f"public-verified-{kind}", pictures)
    assert wrong == []
