"""Which of the 18 kinds of identifiers of 45 CFR 164.514(b)(2)(i) an answer is.

Told by the shape of the answer (an e-mail address is one anywhere) and, where the shape does not
say enough, by a cue in the prompt (a number asked for as "record number"). Kinds are named by
their letters in the regulation. (P) biometric identifiers and (Q) photographs have no text of
their own; what stands for them in a record is a number or code, and counts by its cue.

Limits: rules, not understanding. A name without a cue, or an address in a language without cues
here (English and German), is not recognised; the extraction check asks for every fact anyway. The
names of treating physicians are not identifiers of the patient and do not count.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from contract.record import Form, Record

KINDS: Mapping[str, str] = MappingProxyType(
    {
        "A": "names",
        "B": "places smaller than a state",
        "C": "dates",
        "D": "telephone numbers",
        "E": "fax numbers",
        "F": "e-mail addresses",
        "G": "social security numbers",
        "H": "medical record numbers",
        "I": "health plan numbers",
        "J": "account numbers",
        "K": "certificate and licence numbers",
        "L": "vehicle identifiers",
        "M": "device identifiers",
        "N": "web addresses",
        "O": "IP addresses",
        "P": "biometric identifiers",
        "Q": "photographs",
        "R": "other unique numbers or codes",
    }
)
_MONTHS = (
    "jan|feb|mar|mär|apr|may|mai|jun|jul|aug|sep|oct|okt|nov|dec|dez"  # the first letters will do
)
_SHAPES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("F", re.compile(r"[\w.+-]+@[\w-]+\.\w{2,}")),
    ("N", re.compile(r"\b(?:https?://|www\.)\S+", re.IGNORECASE)),
    ("O", re.compile(r"\b(?:\d{1,3}\.){3}\d{1,3}\b")),
    ("G", re.compile(r"\b\d{3}-\d{2}-\d{4}\b")),
    ("C", re.compile(r"\b\d{4}-\d{2}-\d{2}\b|\b\d{1,2}[./]\d{1,2}[./]\d{2,4}\b")),
    ("C", re.compile(rf"\b\d{{1,2}}(?:st|nd|rd|th|\.)?\s+(?:{_MONTHS})\w*", re.IGNORECASE)),
    ("C", re.compile(rf"\b(?:{_MONTHS})\w*\s+\d{{1,2}}\b", re.IGNORECASE)),
    ("D", re.compile(r"(?:\+\d{1,3}[ /-]?)(?:\(?\d{2,5}\)?[ /-]?){2,}\d{2,}")),
)
_CUES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(rf"\b(?:{words})", re.IGNORECASE))
    for kind, words in (
        ("E", "fax"),
        ("D", "phone|telephone|mobile|telefon|handy"),
        ("G", "social security|sozialversicherung"),
        ("H", "medical record|record number|mrn|chart number|patient number|patientennummer|akte"),
        ("I", "health plan|beneficiary|insurance|policy number|versicherten|versicherung"),
        ("J", "account|iban|konto"),
        ("K", "licen[cs]e|certificate|passport|führerschein|ausweis"),
        ("L", "vehicle|number plate|licence plate|license plate|vin|kennzeichen"),
        ("M", "device|serial|implant|pacemaker|gerät|seriennummer"),
        ("P", "fingerprint|voice ?print|retina|biometric|fingerabdruck"),
        ("Q", "photo|foto|portrait"),
        ("C", "birth date|date of|born on|geburtsdatum|datum"),
        ("R", "code|identifier|number|nummer|id"),
    )
)
_NUMBERED = re.compile(r"\d")
_CODE = re.compile(r"\b[A-Za-z]+-?\d{3,}\w*|\d{5,}|\b\d+-\d+-\d+\b")
_YEAR = re.compile(r"\W*(?:1[89]|20)\d\d\W*")
_PEOPLE = re.compile(
    r"\b(?:mother|father|spouse|wife|husband|son|daughter|brother|sister|partner|next of kin|"
    r"emergency contact|employer|maiden name|surname|full name|mutter|vater|ehe|arbeitgeber)",
    re.IGNORECASE,
)
_PLACES = re.compile(
    r"\b(?:address|street|lives? in|city|town|county|zip|postcode|postal|wohnt|anschrift|straße)",
    re.IGNORECASE,
)
_NAME = re.compile(r"[A-ZÄÖÜ][\w'-]+(?:\s+[A-ZÄÖÜ][\w'-]+)*")


def kind_of(form: Form) -> str | None:
    """Return the letter of the kind of identifier that a form's answer is, if it is one."""
    answer, prompt = form.answer.strip(), form.prompt
    if not answer or _YEAR.fullmatch(answer):
        return None  # a year alone is no identifier
    shaped = next((kind for kind, shape in _SHAPES if shape.search(answer)), None)
    if shaped is not None:
        return shaped
    return _numbered(prompt, answer) if _NUMBERED.search(answer) else _named(prompt, answer)


def _numbered(prompt: str, answer: str) -> str | None:
    cued = next((kind for kind, cue in _CUES if cue.search(prompt)), None)
    if cued is not None and cued not in {"C", "R"}:
        return cued
    if _PLACES.search(prompt):
        return "B"
    return "R" if _CODE.search(answer) else None


def _named(prompt: str, answer: str) -> str | None:
    if not _NAME.search(answer):
        return None
    if _PEOPLE.search(prompt):
        return "A"
    return "B" if _PLACES.search(prompt) else None


def kinds_of(record: Record) -> frozenset[str]:
    """Return the kinds of identifiers among the answers of a record."""
    return frozenset(kind for form in record.forms.values() if (kind := kind_of(form)))
