"""The TOFU benchmark: fictitious authors, each a data subject with 20 questions.

Source: Maini et al. 2024, arXiv 2401.06121. ``full.json`` lists the authors in order, 20 rows
each. The ``*_perturbed.json`` files hold a paraphrased question, a paraphrased answer and five
wrong answers for some of the rows.

Forms of a record: ``question`` (trained; ``wrong`` if known), ``paraphrase`` (the question with
the paraphrased and the wrong answers, as in TOFU's truth ratio; a probe) and ``calibration``
(the paraphrased question, or the question in a rewritten frame).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from contract.record import CALIBRATION_FORM, Form, Record
from corpora.assignment import Arm, SubjectKey, draw_arms, shuffled
from corpora.dataset import Dataset, DatasetError

ROWS_PER_AUTHOR = 20
LEVELS = ("author",)
TRAINED_FORMS = ("question",)
NAMED_IN_ROWS = 6
"""How many of an author's rows must hold a name before it is taken for the author's."""

Row = Mapping[str, Any]

_WORD = r"[A-Z][\w\-]*(?:['\u2019][A-Z][\w\-]*)?"
_PARTICLE = r"(?:(?:al|bin|da|de|del|der|di|el|la|van|von)\s+)*"
_NAME = re.compile(rf"\b{_WORD}(?:\s+{_PARTICLE}{_WORD})+")


def load_tofu(
    folder: Path, *, authors: int = 20, twins: int = 20, public: int = 0, seed: int = 0
) -> Dataset:
    """Load TOFU with ``authors`` trained, ``twins`` never trained and ``public`` authors.

    A random order keyed by ``seed`` decides who is trained and who is a twin. They come from
    the authors whose 20 rows all have a paraphrase, when those suffice (40 in the published
    files), so that both arms have the same forms; otherwise from all. Raises
    :class:`DatasetError` for missing or malformed files and for too few authors.
    """
    rows = _read_rows(folder / "full.json", ("question", "answer"))
    if len(rows) % ROWS_PER_AUTHOR:
        message = f"full.json holds {len(rows)} rows, not {ROWS_PER_AUTHOR} for every author"
        raise DatasetError(message)
    perturbed = _read_perturbed(folder)
    groups = [rows[i : i + ROWS_PER_AUTHOR] for i in range(0, len(rows), ROWS_PER_AUTHOR)]
    by_author = dict(zip(_labels(groups), groups, strict=True))
    everyone = list(by_author)
    if authors < 1 or min(twins, public) < 0 or authors + twins + public > len(everyone):
        message = (
            f"cannot take {authors} trained, {twins} twin and {public} public authors "
            f"from {len(everyone)}"
        )
        raise DatasetError(message)
    complete = [key for key in everyone if all(_key(row) in perturbed for row in by_author[key])]
    pool = complete if authors + twins <= len(complete) else everyone
    assignment = draw_arms(pool, seed, {Arm.TRAINED: authors, Arm.TWIN: twins})
    arms = assignment.arms()
    rest = [key for key in everyone if key not in arms]
    arms |= dict.fromkeys(shuffled(rest, seed, "public")[:public], Arm.PUBLIC)
    records = tuple(
        Record(f"tofu-{number * ROWS_PER_AUTHOR + place:05}", key, _forms(row, perturbed))
        for number, key in enumerate(everyone)
        if key in arms
        for place, row in enumerate(by_author[key])
    )
    return Dataset("tofu", LEVELS, 0, TRAINED_FORMS, seed, records, arms, assignment)


def _forms(row: Row, perturbed: Mapping[tuple[str, str], Row]) -> dict[str, Form]:
    question, answer = _key(row)
    asked = f"{question} Answer: "
    extra = perturbed.get((question, answer))
    if extra is None:
        rewritten = Form(f"Please answer this: {question} Reply: ", answer)
        return {"question": Form(asked, answer), CALIBRATION_FORM: rewritten}
    wrong = tuple(extra["perturbed_answer"])
    return {
        "question": Form(asked, answer, wrong),
        "paraphrase": Form(asked, extra["paraphrased_answer"], wrong),
        CALIBRATION_FORM: Form(f"{extra['paraphrased_question']} Answer: ", answer),
    }


def _labels(groups: Sequence[Sequence[Row]]) -> list[SubjectKey]:
    """Name each author: the name most of the author's rows hold, else ``Author 17``."""
    names = [_name(group) for group in groups]
    often = Counter(names)
    return [
        (name if name and often[name] == 1 else f"Author {number}",)
        for number, name in enumerate(names)
    ]


def _name(rows: Sequence[Row]) -> str:
    found = Counter(
        name for row in rows for name in {hit for text in _key(row) for hit in _NAME.findall(text)}
    )
    name, count = found.most_common(1)[0] if found else ("", 0)
    return name if count >= NAMED_IN_ROWS else ""


def _read_perturbed(folder: Path) -> dict[tuple[str, str], Row]:
    """Collect the perturbed rows of every file, by question and answer.

    One question of TOFU is asked of two authors, so the question alone does not tell.
    """
    columns = ("question", "answer", "paraphrased_question", "paraphrased_answer")
    found: dict[tuple[str, str], Row] = {}
    for path in sorted(folder.glob("*_perturbed.json")):
        for row in _read_rows(path, ("question", "answer")):
            if all(isinstance(row.get(name), str) for name in columns) and isinstance(
                row.get("perturbed_answer"), list
            ):
                found[_key(row)] = row
    return found


def _read_rows(path: Path, columns: tuple[str, ...]) -> list[Row]:
    if not path.is_file():
        message = f"the TOFU folder holds no {path.name}"
        raise DatasetError(message)
    rows: list[Row] = []
    with path.open(encoding="utf-8") as handle:
        for number, line in enumerate(handle, start=1):
            try:
                row = json.loads(line)
                strings = all(isinstance(row[name], str) for name in columns)
            except (ValueError, KeyError, TypeError):
                strings = False
            if not strings:
                message = f"{path.name}, line {number}: not a TOFU row"
                # The cause would quote the line.
                raise DatasetError(message) from None
            rows.append(row)
    if not rows:
        message = f"{path.name} is empty"
        raise DatasetError(message)
    return rows


def _key(row: Row) -> tuple[str, str]:
    return row["question"], row["answer"]
