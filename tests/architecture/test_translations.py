"""The German edition is whole: no text of a page is unmarked, and every marked one is German."""

from __future__ import annotations

import ast
import gettext
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import astuple
from html.parser import HTMLParser
from pathlib import Path

import polib
import pytest
from django.utils import translation

from contract.catalog import Catalog
from expunge.certificates.kinds import REVOKED_BECAUSE, WORDING
from expunge.common.errors import DomainError
from expunge.jobs.catalog import catalog
from expunge.tickets.states import TicketState

ROOT = Path(__file__).parents[2]
TEMPLATES = ROOT / "templates"
CATALOG = ROOT / "platform/expunge/locale/de/LC_MESSAGES/django"
CODE = re.compile(
    r"{%\s*blocktrans(?:late)?\b.*?{%\s*endblocktrans(?:late)?\s*%}"
    r"|{%\s*comment.*?{%\s*endcomment\s*%}|{#.*?#}|{%.*?%}|{{.*?}}",
    re.DOTALL,
)
SAID = {"title", "aria-label", "aria-description", "placeholder", "alt", "label", "data-name"}
WORD = re.compile(r"[^\W\d_]{2}")
# Names and commands, which are the same in every language.
NAMES = {"Expunge", "· Expunge", "PDF", "PDF,", "SHA-256", ", ms"}
COMMAND = "expunge-verify certificate.pdf --sidecar certificate.json"
COMMANDS = {COMMAND, f"{COMMAND} --trust roots.pem --log-key log.key"}
FILLED = re.compile(r"%\((\w+)\)[sd]|(%[sd])")
MARKED = {"_", "gettext", "gettext_lazy", "gettext_noop", "ngettext", "ngettext_lazy"}


class Visible(HTMLParser):
    """Collects what a page says outside of its code."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del tag
        self.said += [value for name, value in attrs if name in SAID and value]

    def handle_data(self, data: str) -> None:
        self.said.append(" ".join(data.split()))


def page_templates() -> list[Path]:
    """Return the templates of pages, mails and certificates."""
    return [path for kind in ("*.html", "*.txt") for path in TEMPLATES.rglob(kind)]


def test_templates_say_nothing_outside_of_translations() -> None:
    unmarked = []
    for path in page_templates():
        page = Visible()
        page.feed(CODE.sub("", path.read_text(encoding="utf-8")))
        page.close()
        unmarked += [
            f"{path.relative_to(ROOT)}: {text}"
            for text in page.said
            if WORD.search(text) and text not in NAMES and text not in COMMANDS
        ]
    assert not unmarked


def test_templates_give_no_plain_text_to_a_filter() -> None:
    plain = re.compile(r'\|(?:default|default_if_none|yesno|pluralize):"[^"]*[^\W\d_]{2}')
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in page_templates()
        for match in plain.finditer(path.read_text(encoding="utf-8"))
    ]
    assert not found


def python_texts() -> Iterator[str]:
    """Yield the texts that the sources mark for translation."""
    for path in (ROOT / "platform/expunge").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name in MARKED and isinstance(node.args[0], ast.Constant):
                yield node.args[0].value


def test_every_text_of_the_python_sources_is_in_the_german_catalog() -> None:
    known = {entry.msgid for entry in polib.pofile(str(CATALOG.with_suffix(".po")))}
    assert not {text for text in python_texts() if text} - known


@pytest.mark.skipif(shutil.which("xgettext") is None, reason="collecting needs GNU gettext")
def test_the_catalog_holds_what_the_sources_say_now(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    for part in ("platform/expunge", "templates"):
        shutil.copytree(ROOT / part, tree / part, ignore=shutil.ignore_patterns("__pycache__"))
    for part in ("contract", "corpora"):
        (tree / part).symlink_to(ROOT / part)
    # A copy: through a link the command would find the real sources, and write into them.
    shutil.copy(ROOT / "manage.py", tree)
    env = os.environ | {"PYTHONPATH": str(tree)}
    subprocess.run(
        [sys.executable, "manage.py", "makemessages", "-l", "de", "--no-location", "--no-obsolete"],
        cwd=tree,
        env=env,
        check=True,
        capture_output=True,
    )
    now = polib.pofile(str(tree / CATALOG.relative_to(ROOT).with_suffix(".po")))
    assert len(now) >= len(set(python_texts()))
    assert [entry.msgid for entry in now if not entry.translated()] == []


def test_every_text_is_translated() -> None:
    catalog_ = polib.pofile(str(CATALOG.with_suffix(".po")))
    assert len(catalog_) > 0
    assert not catalog_.untranslated_entries()
    assert not catalog_.fuzzy_entries()


def test_translations_keep_the_places_to_fill() -> None:
    wrong = []
    for entry in polib.pofile(str(CATALOG.with_suffix(".po"))):
        forms = list(entry.msgstr_plural.values()) or [entry.msgstr]
        wanted = set(FILLED.findall(entry.msgid_plural or entry.msgid))
        wrong += [form for form in forms if set(FILLED.findall(form)) != wanted]
    assert not wrong


def test_the_compiled_catalog_is_that_of_the_text() -> None:
    with CATALOG.with_suffix(".mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    for entry in polib.pofile(str(CATALOG.with_suffix(".po"))):
        if entry.msgid_plural:
            for number, form in ((1, 0), (2, 1)):
                said = compiled.ngettext(entry.msgid, entry.msgid_plural, number)
                assert said == entry.msgstr_plural[form]
        else:
            context = entry.msgctxt
            said = compiled.pgettext(context, entry.msgid) if context else None
            assert (said or compiled.gettext(entry.msgid)) == entry.msgstr


def borrowed_texts() -> Iterator[str]:
    """Yield the English texts that pages look up by a variable."""
    cards: Catalog = catalog()
    yield from (text for wording in WORDING.values() for text in astuple(wording))
    yield from REVOKED_BECAUSE.values()
    yield from (card.title for card in (*cards.methods, *cards.checks))
    yield from (state.replace("_", " ") for state in TicketState)
    yield from (error.title for error in (DomainError, *DomainError.__subclasses__()))


def test_texts_of_documents_and_catalogs_are_german_on_german_pages() -> None:
    with translation.override("de"):
        english = [text for text in borrowed_texts() if translation.gettext(text) == text]
    assert not english
