"""Every page as people see it: accessible in light and dark, nothing cut off, and a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from expunge.accounts.models import User
from tests.e2e.conftest import SignIn
from tests.expunge.factories import People
from tests.expunge.tour import Tour, tour
from tests.expunge.web.addresses import pages_of

pytestmark = pytest.mark.browser
RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]}}


@pytest.fixture
def there(cast: People, tmp_path: Path) -> Tour:
    return tour(cast, tmp_path, certified=True)


def look(page: Page, name: str, pictures: Path) -> list[str]:
    """Take a picture and return what is wrong with the page."""
    page.screenshot(path=pictures / f"{name}.png", full_page=True)
    found: Any = Axe().run(page, options=RULES)
    wrong = [
        f"{name}: {item['id']} at {item['nodes'][0]['target']}"
        for item in found.response["violations"]
    ]
    size = page.viewport_size
    if size and page.evaluate("document.documentElement.scrollWidth") > size["width"]:
        wrong.append(f"{name}: wider than the window")
    return wrong


def opened(page: Page) -> None:
    """Unfold everything that folds, but for the menu."""
    page.evaluate("document.querySelectorAll('main details').forEach(item => { item.open = true })")


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (390, "light")])
def test_every_page_is_accessible_and_fits(
    sign_in: SignIn, there: Tour, pictures: Path, width: int, scheme: str
) -> None:
    page = sign_in(there.people.alice, width=width, scheme=scheme)
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    kind = f"{width}-{scheme}"
    wrong: list[str] = []
    for name, address in pages_of(there).items():
        page.goto(address)
        opened(page)
        wrong += look(page, f"{name}-{kind}", pictures)
    assert not wrong
    assert not complaints, "the browser refused something: see the content security policy"


def test_every_page_fits_in_german(sign_in: SignIn, there: Tour, pictures: Path) -> None:
    """German words are long: the narrowest window shows whether they break where they should."""
    page = sign_in(there.people.alice, width=390)
    assert there.people.alice.user is not None
    User.objects.filter(pk=there.people.alice.user.pk).update(language="de")
    wrong: list[str] = []
    for name, address in pages_of(there).items():
        page.goto(address)
        opened(page)
        wrong += look(page, f"{name}-390-german", pictures)
        if page.locator("html").get_attribute("lang") != "de":
            wrong.append(f"{name}: not marked as German")
    assert not wrong


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_filing_is_accessible_at_every_step(
    sign_in: SignIn, there: Tour, pictures: Path, scheme: str
) -> None:
    page = sign_in(there.people.carol, scheme=scheme)
    page.goto("/tickets/new/")
    page.get_by_label("Open North Clinic").click()
    page.get_by_label("Add Erika Mustermann to the scope").click()
    page.get_by_label("Remove Erika Mustermann").wait_for()
    page.get_by_label("Exact name or label").fill("max beispiel")
    page.get_by_role("button", name="Find").click()
    page.locator("#found li").wait_for()
    wrong = look(page, f"file-scope-{scheme}", pictures)
    page.get_by_role("link", name="Continue").click()
    page.get_by_label("Consent withdrawn").check()
    wrong += look(page, f"file-law-{scheme}", pictures)
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Whom the request is about").fill("Erika Mustermann")
    page.get_by_label("Received on").fill("2100-01-01")
    page.get_by_role("button", name="Continue").click()
    page.get_by_text("lies in the future").wait_for()
    wrong += look(page, f"file-person-{scheme}", pictures)
    page.get_by_label("Received on").fill("2026-01-02")
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="File the ticket").wait_for()
    wrong += look(page, f"file-summary-{scheme}", pictures)
    assert not wrong


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (390, "light")])
def test_acting_on_several_tickets_is_accessible(
    sign_in: SignIn, there: Tour, pictures: Path, width: int, scheme: str
) -> None:
    page = sign_in(there.people.alice, width=width, scheme=scheme)
    kind = f"{width}-{scheme}"
    page.goto("/tickets/?due=overdue")
    opened(page)
    page.get_by_label("Name", exact=True).fill("Late ones")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("The view is saved.").wait_for()
    wrong = look(page, f"view-saved-{kind}", pictures)
    page.goto("/tickets/views/")
    wrong += look(page, f"views-kept-{kind}", pictures)
    page.goto("/tickets/?sort=due")
    for box in page.locator("input[name=ticket]").all()[:4]:
        box.check()
    page.get_by_label("Do", exact=True).select_option("submit")
    page.get_by_role("button", name="Continue").click()
    page.get_by_text("This concerns 4 tickets.").wait_for()
    wrong += look(page, f"bulk-confirm-{kind}", pictures)
    page.get_by_label("Finding of the review").fill("Checked together.")
    page.get_by_role("button", name="Submit for approval: 4 tickets").click()
    page.get_by_text("Refused").first.wait_for()
    wrong += look(page, f"bulk-run-{kind}", pictures)
    assert not wrong


def test_a_ticket_is_printed_on_white_paper_without_the_menu(
    sign_in: SignIn, there: Tour, pictures: Path
) -> None:
    page = sign_in(there.people.alice, scheme="dark")
    page.goto(f"/tickets/{there.tickets['closed'].pk}/")
    page.emulate_media(media="print")
    assert not page.get_by_role("navigation", name="Places").is_visible()
    assert not page.get_by_role("button", name="Sign out").is_visible()
    colour = "element => getComputedStyle(element).backgroundColor"
    assert page.locator(".sheet").first.evaluate(colour) == "rgb(255, 255, 255)"
    page.screenshot(path=pictures / "print-ticket.png", full_page=True)


def test_the_keyboard_reaches_the_content_and_shows_where_it_is(
    sign_in: SignIn, there: Tour
) -> None:
    page = sign_in(there.people.alice)
    page.goto("/tickets/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    for _ in range(60):
        page.keyboard.press("Tab")
        seen = page.evaluate(
            """() => { const at = document.activeElement, style = getComputedStyle(at);
            return at === document.body || style.outlineStyle !== "none"
              || style.boxShadow !== "none"; }"""
        )
        assert seen, page.evaluate("document.activeElement.outerHTML")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_door_is_accessible(
    browser: Browser, live_server: object, cast: People, pictures: Path, scheme: str
) -> None:
    context = browser.new_context(
        base_url=str(live_server), color_scheme="dark" if scheme == "dark" else "light"
    )
    page = context.new_page()
    page.goto("/sign-in/")
    page.get_by_label("Mail address").fill("nobody@riverland.example")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_text("do not belong together").wait_for()
    wrong = look(page, f"sign-in-{scheme}", pictures)
    page.goto("/no/such/page")
    wrong += look(page, f"missing-{scheme}", pictures)
    context.close()
    assert not wrong
