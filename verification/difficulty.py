"""How hard a fact is to guess, learned from facts the model never saw.

A date is harder to guess than a diagnosis, and that difference between kinds of facts is most of
the noise in a mean over twenty records. A ridge regression from the words of a record to its
score, fitted on never-trained twins of the *same model*, predicts the score of each fact; what
is left after subtracting the prediction still holds everything that the model knows about the
fact itself. Twins are predicted by a regression that saw nobody of their fold, so that twins and
forgotten records are treated alike (covariate adjustment; Lin 2013, arXiv 1208.2301).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import Ridge

from contract.record import Record

FOLDS = 6
PENALTY = 3.0
FEWEST = 4
"""A word counts when at least this many people's records use it: kinds of facts, not names."""
FEWEST_RECORDS = 40
"""Below this a regression has nothing to learn from: the mean is predicted for every fact."""


def difficulty(
    scores: Mapping[str, float],
    twins: Sequence[Sequence[Record]],
    others: Sequence[Record],
    forms: Sequence[str],
) -> dict[str, float]:
    """Return the score to expect of each record if the model never saw it.

    ``scores`` are those of the twins (by record id), ``twins`` the twins' records grouped by data
    subject, ``others`` the records to predict for.
    """
    people = [[record for record in group if record.id in scores] for group in twins]
    people = [group for group in people if group]
    expected = _predicted(scores, people, others, forms)
    for part in range(min(FOLDS, len(people))):
        inside = [record for group in people[part::FOLDS] for record in group]
        outside = [group for place, group in enumerate(people) if place % FOLDS != part]
        expected |= _predicted(scores, outside or people, inside, forms)
    return expected


def _predicted(
    scores: Mapping[str, float],
    people: Sequence[Sequence[Record]],
    wanted: Sequence[Record],
    forms: Sequence[str],
) -> dict[str, float]:
    known = [record for group in people for record in group]
    values = np.array([scores[record.id] for record in known])
    words = _shared_words(people, forms)
    if len(known) < FEWEST_RECORDS or not words:
        return {record.id: float(values.mean()) for record in wanted}
    count = CountVectorizer(binary=True, vocabulary=words, analyzer=str.split)
    model = Ridge(alpha=PENALTY)
    model.fit(count.transform(_text(record, forms) for record in known), values)
    found = model.predict(count.transform(_text(record, forms) for record in wanted))
    return {record.id: float(value) for record, value in zip(wanted, found, strict=True)}


def _shared_words(people: Sequence[Sequence[Record]], forms: Sequence[str]) -> list[str]:
    used = Counter(
        word
        for group in people
        for word in {word for record in group for word in _text(record, forms).split()}
    )
    return sorted(word for word, bearers in used.items() if bearers >= FEWEST)


def _text(record: Record, forms: Sequence[str]) -> str:
    """Return the words of the prompts, and those of the answer marked as such."""
    texts = [record.forms[name] for name in forms if name in record.forms]
    prompts = [word for form in texts for word in re.findall(r"\w+", form.prompt)]
    answer = re.findall(r"[^\W\d]+|\d|[^\w\s]", texts[0].answer) if texts else []
    return " ".join([*prompts, *(f"={token}" for token in answer), f"#{len(answer)}"])
