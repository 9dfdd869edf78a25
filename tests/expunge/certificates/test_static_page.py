"""The page that checks a certificate inside a browser and forbids itself every connection."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from playwright.sync_api import Browser, Error, Page

from expunge.audit.checkpoint import public_key
from expunge.common.pki import CODE_SIGNING, credential, elliptic
from tests.e2e.conftest import browser  # noqa: F401 - a fixture
from tests.expunge.certificates.conftest import Issued

FILE = Path(__file__).resolve().parents[3] / "docs" / "verify.html"
Look = Callable[..., tuple[bool, list[str]]]
pytestmark = [pytest.mark.browser, pytest.mark.django_db]


@pytest.fixture
def window(browser: Browser) -> Iterator[Page]:  # noqa: F811 - the fixture imported above
    page = browser.new_page(viewport={"width": 390, "height": 900}, locale="en-GB")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(FILE.as_uri())
    yield page
    assert asked == [FILE.as_uri()], "the page asked for something"
    page.close()


@pytest.fixture
def look(window: Page, issued: Issued, tmp_path: Path) -> Look:
    def look_at(
        pdf: bytes = issued.pdf,
        sidecar: bytes = issued.sidecar,
        roots: str = issued.roots.decode(),
        key: str = f"{issued.key}\n",
    ) -> tuple[bool, list[str]]:
        (tmp_path / "c.pdf").write_bytes(pdf)
        (tmp_path / "c.json").write_bytes(sidecar)
        window.set_input_files("#pdf", tmp_path / "c.pdf")
        window.set_input_files("#sidecar", tmp_path / "c.json")
        window.fill("#roots", roots)
        window.fill("#key", key)
        window.evaluate("document.getElementById('answer').replaceChildren()")
        window.get_by_role("button", name="Check").click()
        window.wait_for_selector("#answer li")
        refused = [item.inner_text() for item in window.locator("#answer li.bad").all()]
        return window.locator("#answer.good").count() == 1, refused

    return look_at


def test_a_good_certificate_holds(look: Look, window: Page) -> None:
    assert look() == (True, [])
    assert "Certificate of erasure EC-" in window.inner_text("#answer")
    window.get_by_role("button", name="Deutsch").click()
    assert window.get_by_role("heading", level=1).inner_text().startswith("Ein Zertifikat")
    assert window.evaluate("document.documentElement.lang") == "de"
    window.get_by_text("Löschzertifikat EC-").wait_for()


def test_a_refusal_is_said_in_german(look: Look, issued: Issued, window: Page) -> None:
    changed = bytearray(issued.pdf)
    changed[-40] ^= 1
    assert look(pdf=bytes(changed))[1] == [
        "FAIL\nDoes not hold: this very file: the log recorded other bytes than these."
    ]
    window.get_by_role("button", name="Deutsch").click()
    window.get_by_text("Stimmt nicht: genau diese Datei: das Protokoll hat andere Bytes").wait_for()


def test_every_reason_has_german_words() -> None:
    text = FILE.read_text()
    reasons = set(re.findall(r'(?:need\(.*, |Refusal\()"([^"]+)"\)', text))
    (german,) = re.findall(r"reasons: \{\n(.*?)\n    \}", text, re.DOTALL)
    assert reasons == set(re.findall(r'^      "([^"]+)": "', german, re.MULTILINE))


def test_altered_ones_do_not(look: Look, issued: Issued, tmp_path: Path) -> None:
    for place in range(60, len(issued.pdf), len(issued.pdf) // 12):
        changed = bytearray(issued.pdf)
        changed[place] ^= 1
        assert not look(pdf=bytes(changed))[0], place
    assert not look(pdf=issued.pdf + b"\n")[0]
    assert not look(pdf=issued.other)[0]
    assert not look(pdf=b"")[0]
    said = json.loads(issued.sidecar)
    for name, value in (
        ("seq", said["seq"] - 1),
        ("path", said["path"][::-1] + said["path"]),
        ("checkpoint", said["checkpoint"].replace("\n", "\n1", 1)),
        ("leaf", base64.b64encode(base64.b64decode(said["leaf"]) + b" ").decode()),
    ):
        assert not look(sidecar=json.dumps({**said, name: value}).encode())[0], name


def test_other_keys_are_not_believed(look: Look, issued: Issued, tmp_path: Path) -> None:
    stranger = public_key(issued.key.name, Ed25519PrivateKey.generate())
    assert "no key of log.key" in look(key=f"{stranger}\n")[1][0]
    assert not look(key=f"{issued.key} until 2020-01-01T00:00:00+00:00\n")[0]
    credential(tmp_path, "x", title="Mallory", usage=CODE_SIGNING, make=elliptic, generate=True)
    refused = look(roots=(tmp_path / "roots.pem").read_text())[1]
    assert "not issued by the given roots" in refused[0]


def test_it_can_connect_to_nothing(window: Page) -> None:
    with pytest.raises(Error, match="Failed to fetch"):
        window.evaluate("fetch('http://127.0.0.1:9/')")


@pytest.mark.parametrize("tag", ["script", "style"])
def test_its_policy_names_what_it_holds(tag: str) -> None:
    text = FILE.read_text()
    (body,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
    assert f"{tag}-src 'sha256-{digest}'" in text
    assert "connect-src 'none'" in text
