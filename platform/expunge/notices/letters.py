"""The wording of letters: placeholders in plain text, and nothing that could be executed.

A text knows one kind of instruction, ``{name}``, where the name is one of its kind's values.
There are no expressions, attributes, filters or tags, so whoever edits a text can reach nothing
but those values. Any other brace is refused. A paragraph is left out when it uses a value that is
not there; what a kind must say stands in a paragraph that is never left out.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Container, Mapping
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


@dataclass(frozen=True)
class Form:
    """What a kind of letter must say (``shown``), is always given, and may be given besides."""

    shown: frozenset[str]
    given: frozenset[str]
    optional: frozenset[str]

    @property
    def known(self) -> frozenset[str]:
        """Return every placeholder a wording of this kind may use."""
        return self.given | self.optional


def _form(*shown: str, given: str = "person reference received_on law", also: str = "") -> Form:
    return Form(
        shown=frozenset(shown),
        given=frozenset({*shown, *given.split(), "organisation"}),
        optional=frozenset(also.split()),
    )


K = NoticeKind
FORMS: Mapping[NoticeKind, Form] = {
    K.ACKNOWLEDGEMENT: _form("reference", "due_on", also="status_link"),
    K.IDENTITY_REQUEST: _form(
        "code", given="person reference", also="received_on valid_until identity_link status_link"
    ),
    K.IDENTITY_REMINDER: _form(
        "reference",
        "valid_until",
        given="person",
        also="received_on identity_link status_link",
    ),
    K.EXTENSION: _form("due_on", "reason", "citation", also="explanation status_link"),
    K.REFUSAL: _form("reason", "remedy", also="explanation status_link"),
    K.COMPLETION: _form("reference", also="status_link"),
    K.NOTHING_HELD: _form("reference", also="status_link"),
    K.FAILURE: _form("reference", "reason", also="explanation remedy status_link"),
    K.WITHDRAWAL: _form("reference", "reason"),
    K.EXPIRY: _form("reference", also="remedy"),
    K.INTAKE_DECLINED: _form("reason", given="person", also="reference explanation remedy"),
    K.RECIPIENT: _form("models", given="recipient_name reference", also="acknowledge_link"),
    K.ENDPOINT_DISABLED: _form("endpoint", "failing_since", given=""),
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
    if not set(PLACEHOLDER.findall(wording.subject)) <= FORMS[kind].given:
        raise InvalidInputError(
            "placeholder_unknown",
            _("The subject may use %(names)s.") % {"names": _named(FORMS[kind].given)},
            field="subject",
        )
    if "\n" in wording.subject or "\r" in wording.subject:
        raise InvalidInputError(
            "subject_lines", _("The subject is a single line."), field="subject"
        )
    always = "".join(_paragraphs(wording.body, FORMS[kind].given))
    missing = FORMS[kind].shown - set(PLACEHOLDER.findall(always))
    if missing:
        raise InvalidInputError(
            "placeholder_missing",
            _("The text must contain %(names)s, in a paragraph that is never left out.")
            % {"names": _named(missing)},
            field="body",
        )
    letter_write(kind, wording, SAMPLES)


def letter_write(kind: NoticeKind, wording: Wording, values: Mapping[str, str]) -> Letter:
    """Write a letter out.

    Raises:
        ValueError: A value that the kind needs is not there.
    """
    given = {name: str(value).strip() for name, value in values.items() if str(value).strip()}
    missing = FORMS[kind].given - set(given)
    if missing:
        raise ValueError(f"a letter of the kind {kind} needs {_named(missing)}")
    subject = " ".join(_filled(wording.subject, given).split())
    kept = _paragraphs(wording.body, given)
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


def _paragraphs(body: str, given: Container[str]) -> list[str]:
    """Return the paragraphs of which every value is there."""
    paragraphs = re.split(r"\n\s*\n", body.replace("\r\n", "\n").strip())
    return [p for p in paragraphs if all(name in given for name in PLACEHOLDER.findall(p))]


def _filled(text: str, values: Mapping[str, str]) -> str:
    return PLACEHOLDER.sub(lambda found: values.get(found.group(1), ""), text)


def _check_placeholders(kind: NoticeKind, text: str, name: str) -> None:
    unknown = set(PLACEHOLDER.findall(text)) - FORMS[kind].known
    if unknown:
        raise InvalidInputError(
            "placeholder_unknown",
            _("%(names)s is not known here. Known are %(known)s.")
            % {"names": _named(unknown), "known": _named(FORMS[kind].known)},
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
