"""What letters say, and what their placeholders can and cannot do."""

from __future__ import annotations

import pytest

from expunge.common.errors import InvalidInputError
from expunge.notices.kinds import Language, NoticeKind
from expunge.notices.letters import (
    FORMS,
    SAMPLES,
    Wording,
    default_wording,
    letter_write,
    wording_check,
)

FORBIDDEN = ("gdpr-compliant", "dsgvo-konform", "anonym", "compliant")
KIND = NoticeKind.ACKNOWLEDGEMENT
TEXT = "Reference {reference}, due {due_on}."


def refused(wording: Wording, kind: NoticeKind = KIND) -> str:
    with pytest.raises(InvalidInputError) as caught:
        wording_check(kind, wording)
    return caught.value.code


@pytest.mark.parametrize("language", Language.values)
@pytest.mark.parametrize("kind", list(NoticeKind))
def test_the_platform_has_a_valid_wording_of_every_kind_in_every_language(
    kind: NoticeKind, language: str
) -> None:
    wording = default_wording(kind, language)
    wording_check(kind, wording)
    assert not any(word in (wording.subject + wording.body).lower() for word in FORBIDDEN)


@pytest.mark.parametrize("kind", list(NoticeKind))
def test_english_and_german_use_the_same_values(kind: NoticeKind) -> None:
    english, german = default_wording(kind, "en"), default_wording(kind, "de")
    assert english != german
    assert [part.count("{") for part in english.body.split("\n\n")] == [
        part.count("{") for part in german.body.split("\n\n")
    ]


def test_every_placeholder_has_a_sample() -> None:
    assert {name for form in FORMS.values() for name in form.known} == set(SAMPLES)


@pytest.mark.parametrize(
    "attack",
    [
        "{{ settings.SECRET_KEY }}",
        "{% load static %}",
        "{person.__class__}",
        "{person!r}",
        "{0}",
        "{person:>10000000}",
        "{",
        "}",
        "{ person }",
    ],
)
def test_nothing_but_a_placeholder_may_stand_in_braces(attack: str) -> None:
    assert refused(Wording("Subject", f"{TEXT} {attack}")) in {"brace_alone", "placeholder_unknown"}
    assert refused(Wording(attack, TEXT)) in {"brace_alone", "placeholder_unknown"}


def test_dollar_and_percent_signs_are_only_signs() -> None:
    wording = Wording("50 % of $x", f"{TEXT} $person %(person)s")
    wording_check(KIND, wording)
    letter = letter_write(KIND, wording, SAMPLES)
    assert letter.subject == "50 % of $x" and "$person %(person)s" in letter.body


def test_a_value_with_braces_is_not_read_again() -> None:
    values = {**SAMPLES, "person": "{reference} {{ x }}"}
    letter = letter_write(KIND, Wording("S", "{person}\n\n" + TEXT), values)
    assert letter.body.startswith("{reference} {{ x }}")


def test_html_is_escaped_and_links_are_marked() -> None:
    values = {**SAMPLES, "person": '<script>alert("x")</script> & co'}
    html = letter_write(KIND, default_wording(KIND, "en"), values).html
    assert "<script>" not in html and "&lt;script&gt;" in html and "&amp; co" in html
    assert f'<a href="{SAMPLES["status_link"]}">' in html


def test_a_line_break_in_a_value_cannot_make_a_header() -> None:
    values = {**SAMPLES, "reference": "EX-1\r\nBcc: mallory@evil.example"}
    letter = letter_write(KIND, Wording("About {reference}", TEXT), values)
    assert "\n" not in letter.subject and "\r" not in letter.subject


@pytest.mark.parametrize(
    ("wording", "code"),
    [
        (Wording("", TEXT), "wording_empty"),
        (Wording("S", " \n "), "wording_empty"),
        (Wording("S\nBcc: x", TEXT), "subject_lines"),
        (Wording("S", "Reference {reference}."), "placeholder_missing"),
        (Wording("S", TEXT + " {code}"), "placeholder_unknown"),
        (Wording("See {status_link}", TEXT), "placeholder_unknown"),
        (Wording("S", TEXT + " {status_link}"), "placeholder_missing"),
        (Wording("S" * 201, TEXT), "wording_too_long"),
        (Wording("S", TEXT + "x" * 10_000), "wording_too_long"),
    ],
)
def test_a_wording_that_could_not_be_sent_is_refused(wording: Wording, code: str) -> None:
    assert refused(wording) == code


def test_a_paragraph_whose_value_is_not_there_is_left_out() -> None:
    values = {name: value for name, value in SAMPLES.items() if name != "status_link"}
    letter = letter_write(KIND, default_wording(KIND, "en"), values)
    assert "link" not in letter.body and "EX-7KQ2M-PN4XW" in letter.body


def test_a_letter_without_a_value_it_needs_is_not_written() -> None:
    with pytest.raises(ValueError, match="remedy"):
        letter_write(
            NoticeKind.REFUSAL,
            default_wording(NoticeKind.REFUSAL, "en"),
            {**SAMPLES, "remedy": " "},
        )


def test_a_letter_does_not_show_itself() -> None:
    letter = letter_write(KIND, default_wording(KIND, "en"), SAMPLES)
    assert "Erika" not in repr(letter)
