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

What chance looks like is found by permuting who was trained, whole persons at a time: the coin
flip makes persons exchangeable. A bootstrap would leave out that the training folds share their
persons, and cross-validation on a balanced cohort falls *below* one half (each person left out tips
the balance of the rest); permutations show both. The classifier is ridge regression, because its
scores are linear in the labels: one factorisation serves every permutation.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats
from sklearn.feature_extraction.text import CountVectorizer

from verification.statistics import auc
from verification.statistics.samples import Floats

Texts = Mapping[str, Sequence[str]]
"""The texts (prompt and answer) of each person's records, by a pseudonym of the person."""

_PERMUTATIONS = 499
_DEALS = 4
_RIDGE = 10.0
_FEWEST = 2
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
    counted. Persons are dealt into folds several times, so that the result says something about
    the texts and not about the deal. The AUC is given relative to the mean under permuted labels,
    and the interval is that of the permutations.

    Raises:
        ValueError: with fewer than two persons on either side.
    """
    _require(trained, "trained")
    _require(twins, "twins")
    trained, twins = _without_identity([trained, twins])
    features, person_of = _features([*trained.values(), *twins.values()])
    labels = _labellings(len(trained), len(twins), seed)[person_of]
    wins, pairs = np.zeros(labels.shape[1]), np.zeros(labels.shape[1])
    for inside in _folds(len(trained) + len(twins), folds, seed):
        test = inside[person_of]
        scores = _ridge(features[~test], features[test]) @ labels[~test]
        found, counted = _pairs_won(scores, labels[test] > 0)
        wins, pairs = wins + found, pairs + counted
    observed, *chance = wins / np.maximum(pairs, 1)
    middle = float(np.mean(chance))
    lower, upper = np.quantile(chance, [0.025, 0.975]) - middle
    centred = float(observed) - middle + 1 / 2
    return BlindResult(
        auc=min(1.0, max(0.0, centred)),
        low=max(0.0, centred - float(upper)),
        high=min(1.0, centred - float(lower)),
        records=_records(trained),
        twins=_records(twins),
        twin_persons=len(twins),
    )


def person_baseline(
    person: Sequence[str], trained: Texts, twins: Texts, folds: int = 3, seed: int = 0
) -> BlindResult:
    """Tell this person's records from twins, with a classifier that learned from neither.

    Trained on everyone else against part of the twins, it scores the person and the other part;
    each twin is held out once. The interval is what one more twin, drawn alike, would fall into
    (a prediction interval over the twins' own AUCs): a person is one draw, however many records.

    Raises:
        ValueError: with fewer than two persons on either side, or no record.
    """
    _require(trained, "trained")
    _require(twins, "twins")
    _require({"person": person}, "person", fewest=1)
    alone, trained, twins = _without_identity([{"person": person}, trained, twins])
    features, owner = _features([alone["person"], *trained.values(), *twins.values()])
    first_twin = 1 + len(trained)
    labels = np.where(owner < first_twin, 1.0, -1.0)
    own, others = [], []
    for held in _folds(len(twins), folds, seed, deals=1):
        scored = np.concatenate([np.zeros(first_twin, dtype=bool), held])[owner]
        known = ~scored & (owner > 0)
        weights = labels[known] - labels[known].mean()
        mine = _ridge(features[known], features[owner == 0]) @ weights
        theirs = _ridge(features[known], features[scored]) @ weights
        # Scores are put on the scale of the held-out twins, so that folds can be joined.
        centre, scale = float(theirs.mean()), float(theirs.std()) or 1.0
        own.append((mine - centre) / scale)
        others += [
            (theirs[owner[scored] == twin] - centre) / scale for twin in np.unique(owner[scored])
        ]
    scores, pool = np.mean(own, axis=0), np.concatenate(others)
    value, spread = auc(scores, pool), _spread(others)
    return BlindResult(
        auc=value,
        low=max(0.0, value - spread),
        high=min(1.0, value + spread),
        records=scores.size,
        twins=pool.size,
        twin_persons=len(twins),
    )


def _spread(twins: Sequence[Floats]) -> float:
    """Return the half-width of the 95 % prediction interval of a twin's AUC against the others."""
    count = len(twins)
    own = [auc(twins[k], np.concatenate([*twins[:k], *twins[k + 1 :]])) for k in range(count)]
    quantile = stats.t.ppf(0.975, count - 1)
    return float(quantile * np.std(own, ddof=1) * np.sqrt(1 + 1 / count))


def _features(persons: Sequence[Sequence[str]]) -> tuple[Floats, np.ndarray]:
    """Return words (those of at least two persons) and length of each text, and whose it is."""
    words = CountVectorizer(binary=True, min_df=_FEWEST)
    words.fit(" ".join(texts) for texts in persons)
    texts = [text for person in persons for text in person]
    lengths = stats.zscore([float(len(text)) for text in texts])
    owner = np.repeat(np.arange(len(persons)), [len(person) for person in persons])
    return np.column_stack([words.transform(texts).toarray(), np.nan_to_num(lengths)]), owner


def _ridge(known: Floats, asked: Floats) -> Floats:
    """Return the matrix that turns the labels of the known rows into scores of the asked ones."""
    centre = known.mean(axis=0)
    x = known - centre
    gram = x.T @ x + _RIDGE * np.eye(x.shape[1])
    return np.asarray((asked - centre) @ np.linalg.solve(gram, x.T), dtype=np.float64)


def _labellings(trained: int, twins: int, seed: int) -> Floats:
    """Return labels (persons x labellings): first the true ones, then permutations of them."""
    true = np.concatenate([np.ones(trained), -np.ones(twins)])
    rng = np.random.default_rng(seed)
    return np.column_stack([true, *(rng.permutation(true) for _ in range(_PERMUTATIONS))])


def _folds(persons: int, folds: int, seed: int, deals: int = _DEALS) -> Iterator[np.ndarray]:
    """Yield which persons are in each fold, for every deal into folds of equal size."""
    for deal in range(deals):
        order = np.random.default_rng(seed + deal).permutation(persons)
        for fold in range(min(folds, persons)):
            inside = np.zeros(persons, dtype=bool)
            inside[order[fold::folds]] = True
            yield inside


def _pairs_won(scores: Floats, positive: np.ndarray) -> tuple[Floats, Floats]:
    """Return, for every labelling (column), how many pairs are won and how many there are."""
    ranks = stats.rankdata(scores, axis=0)
    ups = positive.sum(axis=0).astype(np.float64)
    return (ranks * positive).sum(axis=0) - ups * (ups + 1) / 2, ups * (len(scores) - ups)


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
