"""The documentation of the API in a real browser: shown whole, and nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def window(browser: Browser, live_server: object) -> Iterator[tuple[Page, list[str]]]:
    """Return a window and what it complained about or fetched from elsewhere."""
    context = browser.new_context(base_url=str(live_server))
    page, wrong = context.new_page(), list[str]()
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.on(
        "request",
        lambda sent: (
            None
            if sent.url.startswith((str(live_server), "data:", "blob:"))
            else wrong.append(sent.url)
        ),
    )
    yield page, wrong
    context.close()


def test_swagger_shows_every_operation(window: tuple[Page, list[str]], pictures: Path) -> None:
    page, wrong = window
    answer = page.goto("/api/v1/docs")
    assert answer is not None
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    page.locator(".opblock").first.wait_for(timeout=30_000)
    page.screenshot(path=pictures / "api-swagger.png")
    schema = page.request.get("/api/v1/schema").json()
    assert operations_seen(page) == {
        (method.upper(), path)
        for path, item in schema["paths"].items()
        for method in item.keys() & {"get", "post", "put", "patch", "delete"}
    }
    assert not wrong


def operations_seen(page: Page) -> set[tuple[str, str]]:
    """Scroll to the end: the page draws only the operations that are near the window."""
    seen = set[tuple[str, str]]()
    at = 0
    while at < page.evaluate("document.documentElement.scrollHeight"):
        page.evaluate("at => window.scrollTo(0, at)", at)
        page.wait_for_timeout(100)
        drawn = page.evaluate(
            """() => [...document.querySelectorAll(".opblock")].map(block => [
                block.querySelector(".opblock-summary-method").textContent.trim(),
                block.querySelector("[data-path]").dataset.path])"""
        )
        seen |= {(method, path) for method, path in drawn}
        at += 400
    return seen


def test_redoc_shows_the_schema_without_inline_script(
    window: tuple[Page, list[str]], pictures: Path
) -> None:
    page, wrong = window
    answer = page.goto("/api/v1/redoc")
    assert answer is not None
    script = answer.headers["content-security-policy"].split("script-src")[1].split(";")[0]
    assert script.strip() == "'self'"
    page.get_by_role("heading", name="Expunge API").wait_for(timeout=30_000)
    page.screenshot(path=pictures / "api-redoc.png")
    # Redoc's mark of its maker lies elsewhere, and the policy keeps the page from fetching it.
    assert not [item for item in wrong if "cdn.redoc" not in item]
