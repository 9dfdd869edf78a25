"""Rules of law cited as the reader's language cites them."""

from __future__ import annotations

import re

from django.utils.translation import get_language

_GDPR = re.compile(r"GDPR Art\. (?P<places>[^;]+)")
_ARTICLE = re.compile(r"(?P<article>\d+)?\((?P<paragraph>\d+)\)(?:\((?P<letter>[a-z])\))?")


def cited(rule: str) -> str:
    """Return a citation in the form of the active language.

    Laws are kept in the English form. German has a form of its own for the law of the Union;
    the law of the United States is cited as it is.
    """
    if not (get_language() or "").startswith("de"):
        return rule
    german = _GDPR.sub(lambda found: f"Art. {_places(found['places'])} DSGVO", rule)
    return german.replace(
        "Regulation (EEC, Euratom) 1182/71 Art. 3", "Art. 3 Verordnung (EWG, Euratom) Nr. 1182/71"
    )


def _places(english: str) -> str:
    german = english.replace(", second sentence", " Satz 2").replace(", first sentence", " Satz 1")
    return _ARTICLE.sub(_place, german)


def _place(found: re.Match[str]) -> str:
    parts = [found["article"] or "", f"Abs. {found['paragraph']}"]
    if found["letter"]:
        parts.append(f"Buchst. {found['letter']}")
    return " ".join(part for part in parts if part)
