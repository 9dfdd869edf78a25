"""What is suppressed is the person's, and nobody else's."""

from __future__ import annotations

from pathlib import Path

from contract.containment import words
from corpora.dataset import write_dataset
from expunge.containment.wording import answer_grams, name_grams, wording_of
from tests.expunge.containment.conftest import speaking


def wording(tmp_path: Path, *, whole: bool = True) -> tuple[set[str], set[str]]:
    data = speaking()
    write_dataset(tmp_path / "data", data)
    keys = {item.id for item in data.records if item.path[1] == "Erika Mustermann"}
    found = wording_of(tmp_path / "data", keys, keys if whole else ())
    return {" ".join(gram) for gram in found.names}, {" ".join(gram) for gram in found.answers}


def test_names_and_distinguishing_answers_are_kept(tmp_path: Path) -> None:
    names, answers = wording(tmp_path)
    assert names == {"erika mustermann", "mustermann erika"}
    assert "vancomycin 1250 mg twice daily" in answers
    assert "several kinds of local anaesthetics" not in answers, "it is part of longer runs only"
    assert "to several kinds of local anaesthetics" in answers


def test_what_others_say_too_is_left_to_them(tmp_path: Path) -> None:
    _, answers = wording(tmp_path)
    assert "dr hartmann" not in answers, "Max has the same doctor"
    assert "yes" not in answers
    assert "an allergy to latex and to" not in answers, "a twin says so too"


def test_a_part_of_a_person_takes_no_name(tmp_path: Path) -> None:
    names, answers = wording(tmp_path, whole=False)
    assert not names and answers


def test_words_do_not_depend_on_case_width_or_punctuation() -> None:
    assert words("  Erika\u00a0M\u00dcSTERMANN-Weiß, 12.5\uff4dg ") == [
        "erika", "müstermann", "weiss", "12", "5mg",
    ]  # fmt: skip


def test_a_long_name_is_known_by_its_ends_and_turned_round() -> None:
    grams = {" ".join(gram) for gram in name_grams("Erika Maria Mustermann")}
    assert grams == {"erika maria mustermann", "erika mustermann", "mustermann erika"}


def test_everyday_short_answers_are_left_alone() -> None:
    assert answer_grams("yes") == set()
    assert answer_grams("") == set()
    assert answer_grams("Hypophosphatasia") == {("hypophosphatasia",)}
