"""Rules are cited as the reader's language cites them."""

from __future__ import annotations

import pytest
from django.utils import translation

from expunge.tickets.citations import cited


@pytest.mark.parametrize(
    ("english", "german"),
    [
        ("GDPR Art. 17(1)(a)", "Art. 17 Abs. 1 Buchst. a DSGVO"),
        ("GDPR Art. 12(3), second sentence", "Art. 12 Abs. 3 Satz 2 DSGVO"),
        ("GDPR Art. 12(6), 11(2)", "Art. 12 Abs. 6, 11 Abs. 2 DSGVO"),
        (
            "GDPR Art. 12(3); Regulation (EEC, Euratom) 1182/71 Art. 3",
            "Art. 12 Abs. 3 DSGVO; Art. 3 Verordnung (EWG, Euratom) Nr. 1182/71",
        ),
        ("Cal. Civ. Code 1798.105(a)", "Cal. Civ. Code 1798.105(a)"),
        ("45 CFR 164.526(b)(2)(ii)", "45 CFR 164.526(b)(2)(ii)"),
    ],
)
def test_union_law_is_cited_in_german_and_left_alone_in_english(english: str, german: str) -> None:
    with translation.override("de"):
        assert cited(english) == german
    with translation.override("en"):
        assert cited(english) == english
