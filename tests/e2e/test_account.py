"""The account and the administration, as people see and use them in a real browser."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.core.cache import cache
from playwright.sync_api import Browser, Page

from expunge.accounts.models import Role
from expunge.accounts.policies import policy_change
from expunge.accounts.services import token_create
from tests.e2e.conftest import SignIn
from tests.e2e.test_looks import look, opened
from tests.expunge.factories import PASSWORD, People, person

pytestmark = pytest.mark.browser


def administration(people: People) -> dict[str, str]:
    """Return the pages of Ada, by name."""
    here = f"/administration/{people.controller.pk}"
    return {
        "account": "/account/",
        "account-token": "/account/tokens/new/",
        "account-password": "/account/password/",
        "account-factor": "/account/second-factor/",
        "people": f"{here}/people/",
        "policy": f"{here}/policy/",
        "organisation": f"{here}/organisation/",
        "organisation-tokens": f"{here}/tokens/",
        "agents": f"{here}/agents/",
    }


def confirm(page: Page) -> None:
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (390, "light")])
def test_the_pages_are_accessible_and_fit(
    sign_in: SignIn, cast: People, pictures: Path, width: int, scheme: str
) -> None:
    person("Philippa Featherstonehaugh-Oldenburg", cast.controller, *Role.values)
    policy_change(actor=cast.ada, controller_id=cast.controller.pk, batch_window_minutes=30)
    for actor, scope in ((cast.ada, "administer"), (cast.carol, "ticket.view")):
        token_create(
            actor=actor, controller_id=cast.controller.pk, name="training jobs", scopes=[scope]
        )
    page, wrong = sign_in(cast.ada, width=width, scheme=scheme), []
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.goto("/account/tokens/new/")
    for name, address in administration(cast).items():
        page.goto(address)
        wrong += look(page, f"{name}-{width}-{scheme}", pictures)
        if name == "people":
            opened(page)
            wrong += look(page, f"people-open-{width}-{scheme}", pictures)
    page.goto("/account/second-factor/set-up/")
    wrong += look(page, f"confirm-{width}-{scheme}", pictures)
    confirm(page)
    wrong += look(page, f"set-up-{width}-{scheme}", pictures)
    secret = page.locator("#key").inner_text()
    page.get_by_label("Code").fill(format_hotp_value(hotp_value(secret, int(time.time()) // 30)))
    page.get_by_role("button", name="Go on").click()
    page.get_by_text("These codes are shown this once").wait_for()
    wrong += look(page, f"codes-{width}-{scheme}", pictures)
    assert not wrong
    assert not complaints, "the browser refused something: see the content security policy"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_doors_are_accessible(
    browser: Browser, live_server: object, cast: People, pictures: Path, scheme: str
) -> None:
    context = browser.new_context(
        base_url=str(live_server), color_scheme="dark" if scheme == "dark" else "light"
    )
    page, wrong = context.new_page(), []
    for name, address in {
        "forgotten": "/password/forgotten/",
        "sent": "/password/sent/",
        "no-account": "/sign-in/no-account/",
        "closed": "/sign-in/closed/",
        "bad-link": "/password/new/0-x/",
    }.items():
        page.goto(address)
        wrong += look(page, f"door-{name}-{scheme}", pictures)
    context.close()
    assert not wrong


def test_recovery_codes_are_saved_as_a_file_and_open_the_account(
    sign_in: SignIn, cast: People, tmp_path: Path
) -> None:
    page = sign_in(cast.alice)
    page.goto("/account/second-factor/set-up/")
    confirm(page)
    secret = page.locator("#key").inner_text()
    page.get_by_label("Code").fill(format_hotp_value(hotp_value(secret, int(time.time()) // 30)))
    page.get_by_role("button", name="Go on").click()
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Download them").click()
    waiting.value.save_as(tmp_path / "codes.txt")
    codes = (tmp_path / "codes.txt").read_text(encoding="utf-8").split()
    assert len(codes) == 10 and all(re.fullmatch(r"\d{8}", code) for code in codes)
    page.get_by_role("link", name="I have kept them").click()
    page.get_by_role("button", name="Sign out").first.click()
    cache.clear()
    assert cast.alice.user is not None
    page.get_by_label("Mail address").fill(cast.alice.user.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Code").fill(codes[3])
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Dashboard").wait_for()
