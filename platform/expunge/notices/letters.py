"""The wording of letters: placeholders in plain text, and nothing that could be executed.

A text knows one kind of instruction, ``{name}``, where the name is one of its kind's values.
There are no expressions, attributes, filters or tags, so whoever edits a text can reach nothing
but those values. Any other brace is refused. A paragraph is left out when it needs a value that
is not there; a value that a kind needs must be there.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from html import escape
from pathlib import Path

from django.utils.translation import gettext as _

from expunge.common.errors import InvalidInputError
from expunge.notices.kinds import NoticeKind

PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
LINK = re.compile(r"https?://[^\s<>\"]+")
SUBJECT_MOST, BODY_MOST = 200, 10_000

SAMPLES: Mapping[str, str] = {
    "person": "Erika Mustermann",
    "organisation": "Riverland Hospitals",
    "reference": "EX-7KQ2M-PN4XW",
    "received_on": "2026-03-05",
    "due_on": "2026-04-07",
    "law": "General Data Protection Regulation",
    "status_link": "https://expunge.example.org/status/sample",
    "code": "402 917",
    "valid_until": "2026-03-12",
    "identity_link": "https://expunge.example.org/status/sample",
    "reason": "The request is complex <and> long",
    "explanation": "Several models are concerned & each must be tested.",
    "citation": "Art. 12(3) GDPR",
    "remedy": "You may lodge a complaint with a supervisory authority.",
    "recipient_name": "Northern Clinics Ltd",
    "models": "assistant, triage",
    "acknowledge_link": "https://expunge.example.org/recipients/sample",
    "endpoint": "Ticket system",
    "failing_since": "2026-03-05",
}
"""A value of each placeholder for previews; one holds signs that HTML must escape."""

_TICKET = ("person", "organisation", "reference", "received_on", "law", "status_link")


@dataclass(frozen=True)
class Form:
    """What a kind of letter needs, and what it may use besides."""

    needed: frozenset[str]
    possible: frozenset[str]


def _form(*needed: str, also: tuple[str, ...] = _TICKET) -> Form:
    return Form(frozenset(needed), frozenset({*needed, *also}))


K = NoticeKind
FORMS: Mapping[NoticeKind, Form] = {
    K.ACKNOWLEDGEMENT: _form("reference", "due_on"),
    K.IDENTITY_REQUEST: _form("code", also=(*_TICKET, "valid_until", "identity_link")),
    K.IDENTITY_REMINDER: _form("reference", also=(*_TICKET, "valid_until", "identity_link")),
    K.EXTENSION: _form("due_on", "reason", also=(*_TICKET, "explanation", "citation")),
    K.REFUSAL: _form("reason", "remedy", also=(*_TICKET, "explanation")),
    K.COMPLETION: _form("reference"),
    K.NOTHING_HELD: _form("reference"),
    K.FAILURE: _form("reference", also=(*_TICKET, "reason", "explanation", "remedy")),
    K.WITHDRAWAL: _form("reference", also=(*_TICKET, "reason")),
    K.EXPIRY: _form("reference", also=(*_TICKET, "remedy")),
    K.INTAKE_DECLINED: _form("reason", also=(*_TICKET, "explanation", "remedy")),
    K.RECIPIENT: _form(
        "models", also=("organisation", "reference", "recipient_name", "acknowledge_link")
    ),
    K.ENDPOINT_DISABLED: _form("endpoint", also=("organisation", "failing_since")),
}


@dataclass(frozen=True)
class Wording:
    """The subject line and the body of a letter, with placeholders."""

    subject: str
    body: str


@dataclass(frozen=True)
class Letter:
    """A letter written out. It is personal: it never shows in a repr."""

    subject: str = field(repr=False)
    body: str = field(repr=False)

    @property
    def html(self) -> str:
        """Return the body as a small HTML page: paragraphs and links, everything escaped."""
        return as_html(self.subject, self.body)


def default_wording(kind: NoticeKind, language: str) -> Wording:
    """Return the platform's own wording; English where there is none in the language."""
    texts = _texts(language) or _texts("en")
    found = texts[kind]
    return Wording(found["subject"], found["body"].strip() + "\n")


def wording_check(kind: NoticeKind, wording: Wording) -> None:
    """Refuse a wording that could not be sent as it stands.

    Raises:
        InvalidInputError: ``wording_empty``, ``wording_too_long``, ``subject_lines``,
            ``placeholder_unknown``, ``placeholder_missing``, ``brace_alone``.
    """
    for name, text, most in (
        ("subject", wording.subject, SUBJECT_MOST),
        ("body", wording.body, BODY_MOST),
    ):
        if not text.strip():
            raise InvalidInputError("wording_empty", _("Write a text."), field=name)
        if len(text) > most:
            raise InvalidInputError(
                "wording_too_long",
                _("The text has at most %(most)d characters.") % {"most": most},
                field=name,
            )
        _check_placeholders(kind, text, name)
    if "\n" in wording.subject or "\r" in wording.subject:
        raise InvalidInputError(
            "subject_lines", _("The subject is a single line."), field="subject"
        )
    missing = FORMS[kind].needed - set(PLACEHOLDER.findall(wording.body))
    if missing:
        raise InvalidInputError(
            "placeholder_missing",
            _("The text must contain %(names)s.") % {"names": _named(missing)},
            field="body",
        )
    letter_write(kind, wording, SAMPLES)


def letter_write(kind: NoticeKind, wording: Wording, values: Mapping[str, str]) -> Letter:
    """Write a letter out.

    Raises:
        ValueError: A value that the kind needs is not there.
    """
    given = {name: str(value).strip() for name, value in values.items() if str(value).strip()}
    missing = FORMS[kind].needed - set(given)
    if missing:
        raise ValueError(f"a letter of the kind {kind} needs {_named(missing)}")
    subject = " ".join(_filled(wording.subject, given).split())
    paragraphs = re.split(r"\n\s*\n", wording.body.replace("\r\n", "\n").strip())
    kept = [item for item in paragraphs if set(PLACEHOLDER.findall(item)) <= set(given)]
    return Letter(subject, "\n\n".join(_filled(item, given) for item in kept) + "\n")


def as_html(title: str, text: str) -> str:
    """Return plain text as an HTML page in which only paragraphs, breaks and links are marked."""
    paragraphs = "\n".join(
        f"<p>{_linked(item).replace(chr(10), '<br>')}</p>" for item in text.strip().split("\n\n")
    )
    return (
        f'<!doctype html>\n<html><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"</head><body>\n{paragraphs}\n</body></html>\n"
    )


def _linked(text: str) -> str:
    parts, end = [], 0
    for found in LINK.finditer(text):
        address = escape(found.group())
        parts += [escape(text[end : found.start()]), f'<a href="{address}">{address}</a>']
        end = found.end()
    return "".join([*parts, escape(text[end:])])


def _filled(text: str, values: Mapping[str, str]) -> str:
    return PLACEHOLDER.sub(lambda found: values.get(found.group(1), ""), text)


def _check_placeholders(kind: NoticeKind, text: str, name: str) -> None:
    unknown = set(PLACEHOLDER.findall(text)) - FORMS[kind].possible
    if unknown:
        raise InvalidInputError(
            "placeholder_unknown",
            _("%(names)s is not known here. Known are %(known)s.")
            % {"names": _named(unknown), "known": _named(FORMS[kind].possible)},
            field=name,
        )
    if set("{}") & set(PLACEHOLDER.sub("", text)):
        raise InvalidInputError(
            "brace_alone", _("A brace stands only around a placeholder."), field=name
        )


def _named(names: frozenset[str] | set[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in sorted(names))


@cache
def _texts(language: str) -> dict[str, dict[str, str]]:
    path = Path(__file__).with_name("texts") / f"{Path(language).name}.toml"
    return tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
