"""The blind baseline: can the twins be told from the trained records without any model?

A membership attack that beats chance may only have noticed that the two sets of texts differ.
A classifier that never sees the model (bag of words and length; Das, Zhang and Tramer 2024,
arXiv 2406.16201) must therefore stay at chance before any attack result means anything.

Why names do not leak identity into it. Persons are never split: in :func:`population_baseline` a
person is wholly in the training folds or wholly in the test fold, and in :func:`person_baseline`
neither the person nor the scored twins take part in training, so a name seen only with its bearer
weighs nothing for anyone else. And because first names, wards or doctors are shared by a few, the
words that say *who* a record is about (in at least half of a person's records, but with at most a
third of all persons) are struck out, without a look at who was trained. Otherwise all records of
a person would move together, and chance would look like a difference. Their balance is what the
coin flip is for; what is left to learn is what the two sets of *records* differ in.

A classifier cross-validated on a balanced cohort tends to fall *below* one half (each person left
out tips the balance of the rest), so only the upper side speaks against the twins.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from verification.statistics import auc_interval, design_effect
from verification.statistics.ranks import pair_wins
from verification.statistics.samples import Floats

Texts = Mapping[str, Sequence[str]]
"""The texts (prompt and answer) of each person's records, by a pseudonym of the person."""

_RESAMPLES = 2000
_FEWEST = 2
_DEALS = 8
_WORD = re.compile(r"\w+")
_IN_RECORDS = 1 / 2
_WITH_PERSONS = 1 / 3


@dataclass(frozen=True)
class BlindResult:
    """AUC of the blind classifier with its interval (confidence 95 %, persons as clusters)."""

    auc: float
    low: float
    high: float
    records: int
    twins: int
    twin_persons: int


def population_baseline(trained: Texts, twins: Texts, folds: int = 5, seed: int = 0) -> BlindResult:
    """Tell trained persons (not the one to be forgotten) from twins, cross-validated by person.

    Scores of different folds come from different classifiers, so only pairs within a fold are
    counted. Persons are dealt into folds several times over, so that the result says something
    about the texts and not about the deal; the interval resamples whole persons.

    Raises:
        ValueError: with fewer than two persons on either side.
    """
    _require(trained, "trained")
    _require(twins, "twins")
    trained, twins = _without_identity([trained, twins])
    parts = min(folds, len(trained), len(twins))
    wins, pairs = np.zeros((len(trained), len(twins))), np.zeros((len(trained), len(twins)))
    for deal in range(_DEALS):
        dealt = _deal(trained, parts, seed + 2 * deal)
        dealt_twins = _deal(twins, parts, seed + 2 * deal + 1)
        for fold in range(parts):
            model = _Classifier(_outside(trained, dealt, fold), _outside(twins, dealt_twins, fold))
            scores, other = (
                _scores_of_fold(model, side, fold_of, fold)
                for side, fold_of in ((trained, dealt), (twins, dealt_twins))
            )
            for row, mine in scores.items():
                for column, theirs in other.items():
                    table = pair_wins(mine, theirs)
                    wins[row, column] += table.sum()
                    pairs[row, column] += table.size
    low, high = _person_bootstrap(wins, pairs, seed)
    return BlindResult(
        auc=float(wins.sum() / pairs.sum()),
        low=low,
        high=high,
        records=_records(trained),
        twins=_records(twins),
        twin_persons=len(twins),
    )


def person_baseline(
    person: Sequence[str], trained: Texts, twins: Texts, folds: int = 3, seed: int = 0
) -> BlindResult:
    """Tell this person's records from twins, with a classifier that learned from neither.

    Trained on everyone else against part of the twins, it scores the person and the other part;
    each twin is held out once. The interval is widened by the twins' own design effect.

    Raises:
        ValueError: with fewer than two persons on either side, or no record.
    """
    _require(trained, "trained")
    _require(twins, "twins")
    _require({"person": person}, "person", fewest=1)
    alone, trained, twins = _without_identity([{"person": person}, trained, twins])
    parts = min(folds, len(twins))
    fold_of = _deal(twins, parts, seed)
    own, others = [], []
    for fold in range(parts):
        model = _Classifier(trained, _outside(twins, fold_of, fold))
        # Scores are put on the scale of the held-out twins, so that folds can be joined.
        held = {k: model.scores(v) for k, v in twins.items() if fold_of[k] == fold}
        pool = np.concatenate(list(held.values()))
        centre, scale = float(pool.mean()), float(pool.std()) or 1.0
        own.append((model.scores(alone["person"]) - centre) / scale)
        others += [(scores - centre) / scale for scores in held.values()]
    mine, theirs = np.mean(own, axis=0), np.concatenate(others)
    low, high = auc_interval(mine, theirs, design_effect=design_effect(others))
    return BlindResult(
        auc=float(pair_wins(mine, theirs).mean()),
        low=low,
        high=high,
        records=mine.size,
        twins=theirs.size,
        twin_persons=len(twins),
    )


class _Classifier:
    """Logistic regression on words (those of at least two persons) and the text's length."""

    def __init__(self, trained: Texts, twins: Texts) -> None:
        persons = [*trained.values(), *twins.values()]
        words = CountVectorizer(binary=True, min_df=_FEWEST)
        words.fit(" ".join(texts) for texts in persons)
        self._words = words
        texts = [text for person in persons for text in person]
        labels = np.repeat([1, 0], [_records(trained), _records(twins)])
        lengths = np.array([len(text) for text in texts], dtype=np.float64)
        self._centre, self._scale = float(lengths.mean()), float(lengths.std()) or 1.0
        self._model = LogisticRegression(class_weight="balanced", max_iter=500)
        self._model.fit(self._features(texts), labels)

    def _features(self, texts: Sequence[str]) -> sparse.csr_matrix:
        lengths = np.array([[len(text)] for text in texts], dtype=np.float64)
        scaled = sparse.csr_matrix((lengths - self._centre) / self._scale)
        return sparse.csr_matrix(sparse.hstack([self._words.transform(texts), scaled]))

    def scores(self, texts: Sequence[str]) -> Floats:
        """Return the log-odds of "trained" for each text."""
        odds = self._model.decision_function(self._features(texts))
        return np.asarray(odds, dtype=np.float64)


def _deal(side: Texts, parts: int, seed: int) -> dict[str, int]:
    """Deal whole persons into folds of equal size."""
    order = np.random.default_rng(seed).permutation(sorted(side))
    return {str(person): index % parts for index, person in enumerate(order)}


def _scores_of_fold(
    model: _Classifier, side: Texts, fold_of: Mapping[str, int], fold: int
) -> dict[int, Floats]:
    """Return the scores of the persons in that fold, by their place in ``side``."""
    return {
        place: model.scores(texts)
        for place, (person, texts) in enumerate(side.items())
        if fold_of[person] == fold
    }


def _outside(side: Texts, fold_of: Mapping[str, int], fold: int) -> Texts:
    """Return the persons who are not in that fold."""
    return {person: texts for person, texts in side.items() if fold_of[person] != fold}


def _person_bootstrap(wins: Floats, pairs: Floats, seed: int) -> tuple[float, float]:
    """Return the 95 % percentile interval of wins/pairs over resampled rows and columns."""
    rng = np.random.default_rng(seed)
    rows, columns = wins.shape
    left = rng.multinomial(rows, np.full(rows, 1.0 / rows), size=_RESAMPLES)
    right = rng.multinomial(columns, np.full(columns, 1.0 / columns), size=_RESAMPLES)
    total = np.einsum("bi,ij,bj->b", left, pairs, right, optimize=True)
    won = np.einsum("bi,ij,bj->b", left, wins, right, optimize=True)
    low, high = np.quantile(won[total > 0] / total[total > 0], [0.025, 0.975])
    return float(low), float(high)


def _records(side: Texts) -> int:
    return sum(len(texts) for texts in side.values())


def _require(side: Texts, name: str, fewest: int = _FEWEST) -> None:
    if len(side) < fewest or not all(side.values()):
        message = f"the blind baseline needs at least {fewest} with records among the {name}"
        raise ValueError(message)


def _without_identity(sides: Sequence[Texts]) -> list[Texts]:
    """Return the sides with the words struck out that say who a record is about."""
    words = [
        {person: [_WORD.findall(text.lower()) for text in texts] for person, texts in side.items()}
        for side in sides
    ]
    persons = [texts for side in words for texts in side.values()]
    bearers = Counter(word for texts in persons for word in {w for text in texts for w in text})

    def masked(texts: Sequence[Sequence[str]]) -> list[str]:
        often = Counter(word for text in texts for word in set(text))
        own = {
            word
            for word, count in often.items()
            if count >= _IN_RECORDS * len(texts) and bearers[word] <= _WITH_PERSONS * len(persons)
        }
        return [" ".join(word for word in text if word not in own) for text in texts]

    return [{person: masked(texts) for person, texts in side.items()} for side in words]
