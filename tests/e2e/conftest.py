"""A real browser, and a place for what it saw."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.core.cache import cache
from playwright.sync_api import Browser, Page, sync_playwright

from expunge.accounts.permissions import Actor
from tests.expunge.factories import PASSWORD, People, people

CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
ROOT = Path(__file__).resolve().parents[2]
SignIn = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start Debian's Chromium once a module.

    While it is there, an event loop runs in this thread: Django must be told that the tests use
    the database beside it, and tests of other modules must not find it running.
    """
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield chromium
        chromium.close()


@pytest.fixture
def cast(transactional_db: None) -> People:
    cache.clear()
    made = people()
    made.controller.name = "Riverland Hospitals"
    made.controller.save()
    return made


@pytest.fixture
def sign_in(browser: Browser, live_server: object) -> Iterator[SignIn]:
    """Return a window in which somebody has signed in through the form."""
    contexts = []

    def open_window(actor: Actor, *, width: int = 1280, scheme: str = "light") -> Page:
        context = browser.new_context(
            base_url=str(live_server),
            viewport={"width": width, "height": 900},
            color_scheme="dark" if scheme == "dark" else "light",
            accept_downloads=True,
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        assert actor.user is not None
        page.goto("/sign-in/")
        page.get_by_label("Mail address").fill(actor.user.email)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("heading", name="Dashboard").wait_for()
        return page

    yield open_window
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def pictures() -> Path:
    """Return the folder into which pictures of pages go."""
    folder = Path(os.environ.get("EXPUNGE_PICTURES", ROOT / "var" / "pictures"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder
