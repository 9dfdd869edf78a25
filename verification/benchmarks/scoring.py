"""The text scores that benchmarks use besides TOFU's ROUGE recall, each by its own definition.

Three things are called ROUGE-L: ``rouge_score`` with a stemmer and recall (TOFU;
:func:`verification.text.rouge_recall`), ``rouge_score`` without a stemmer and F1 (MUSE), and the
package ``rouge``, which counts *distinct* words, case and punctuation included (RWKU,
ConceptVectors). Their numbers must not be compared.
"""

from __future__ import annotations

import math
import re
import string
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

import numpy as np
from rouge_score.rouge_scorer import RougeScorer

from verification.benchmarks.table import Metric
from verification.statistics import clopper_pearson

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_WORDS = re.compile(r"\w+|[^\w\s]")


@lru_cache(maxsize=1)
def _plain_scorer() -> RougeScorer:
    return RougeScorer(["rougeL"], use_stemmer=False)


def rouge_l_f1(prediction: str, reference: str) -> float:
    """Return ROUGE-L F1 without stemming (MUSE)."""
    return float(_plain_scorer().score(reference, prediction)["rougeL"].fmeasure)


def distinct_rouge_l(prediction: str, reference: str) -> dict[str, float]:
    """Return recall, precision and F1 of ROUGE-L over distinct words (RWKU, ConceptVectors).

    Texts are split into sentences at full stops and into words at blanks; the words on the
    longest common subsequence of any pair of sentences are united, and counted once each.
    """
    written, true = _sentences(prediction), _sentences(reference)
    common: set[str] = set()
    for sentence in true:
        for other in written:
            common.update(_common_words(sentence, other))
    words_true = {word for sentence in true for word in sentence}
    words_written = {word for sentence in written for word in sentence}
    recall = len(common) / len(words_true) if words_true else 0.0
    precision = len(common) / len(words_written) if words_written else 0.0
    f1 = 2.0 * precision * recall / (precision + recall + 1e-8)
    return {"recall": recall, "precision": precision, "f1": f1}


def _sentences(text: str) -> list[list[str]]:
    return [part.split() for part in text.split(".") if part.split()]


def _common_words(first: Sequence[str], second: Sequence[str]) -> list[str]:
    """Return one longest common subsequence."""
    lengths = np.zeros((len(first) + 1, len(second) + 1), dtype=np.int64)
    for i, word in enumerate(first, start=1):
        for j, other in enumerate(second, start=1):
            longer = max(lengths[i - 1, j], lengths[i, j - 1])
            lengths[i, j] = lengths[i - 1, j - 1] + 1 if word == other else longer
    found: list[str] = []
    i, j = len(first), len(second)
    while i and j:
        if first[i - 1] == second[j - 1]:
            found.append(first[i - 1])
            i, j = i - 1, j - 1
        elif lengths[i - 1, j] > lengths[i, j - 1]:
            i -= 1
        else:
            j -= 1
    return found[::-1]


def bleu(prediction: str, reference: str) -> float:
    """Return sentence BLEU-4 with the geometric smoothing of NIST (Chen and Cherry 2014, 3)."""
    candidate, true = prediction.split(), reference.split()
    if not candidate or not set(candidate) & set(true):
        return 0.0
    halvings, logs = 1.0, 0.0
    for size in range(1, 5):
        grams, others = _ngrams(candidate, size), _ngrams(true, size)
        total = max(1, sum(grams.values()))
        matched = sum((grams & others).values())
        if matched == 0:
            halvings *= 2.0
        logs += math.log((matched or 1.0 / halvings) / total) / 4.0
    short = min(0.0, 1.0 - len(true) / len(candidate))
    return math.exp(short + logs)


def _ngrams(words: Sequence[str], size: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(words[i : i + size]) for i in range(len(words) - size + 1))


def plain_words(text: str) -> list[str]:
    """Return lower-case words without articles and punctuation (SQuAD's normalisation)."""
    return _ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split()


def exact_match(prediction: str, references: Iterable[str]) -> bool:
    """Say whether the prediction is one of the references, after normalisation."""
    return any(plain_words(prediction) == plain_words(item) for item in references)


def word_f1(prediction: str, references: Iterable[str]) -> float:
    """Return the best F1 of shared words with a reference, after normalisation."""
    return max((_word_f1(plain_words(prediction), plain_words(r)) for r in references), default=0.0)


def _word_f1(written: list[str], true: list[str]) -> float:
    if not written or not true:
        return float(written == true)
    shared = sum((Counter(written) & Counter(true)).values())
    return 2.0 * shared / (len(written) + len(true))


def word_entropy(text: str) -> float:
    """Return RWKU's fluency: weighted mean of bi- and trigram entropies in bits.

    Words and punctuation marks are told apart by a regular expression (the original uses a
    trained tokenizer; on plain English the two nearly always agree).
    """
    words = _WORDS.findall(text)
    entropies = []
    for size, weight in ((2, 2.0 / 3.0), (3, 4.0 / 3.0)):
        counts = np.array(list(_ngrams(words, size).values()), dtype=np.float64)
        shares = counts / counts.sum() if counts.size else counts
        entropies.append(weight * float(-(shares * np.log2(shares)).sum()) if counts.size else 0.0)
    return float(np.mean(entropies))


def before(text: str, stops: Iterable[str]) -> str:
    """Return the text up to the first of the stop strings."""
    for stop in stops:
        text = text.split(stop, maxsplit=1)[0]
    return text


def mean(name: str, values: Iterable[float], note: str = "") -> Metric:
    """Return the mean of values as a metric; not measured when there are none."""
    listed = list(values)
    if not listed:
        return Metric(name, None, note=note or "no rows")
    return Metric(name, float(np.mean(listed)), len(listed), note=note)


def share(name: str, hits: Iterable[bool], note: str = "") -> Metric:
    """Return a share of records with its exact 95 % bounds."""
    listed = [bool(hit) for hit in hits]
    if not listed:
        return Metric(name, None, note=note or "no rows")
    low, high = clopper_pearson(sum(listed), len(listed))
    return Metric(name, float(np.mean(listed)), len(listed), low, high, note)


def missing(names: Mapping[str, str]) -> list[Metric]:
    """Return metrics that were not measured, each with what would make it measurable."""
    return [Metric(name, None, note=reason) for name, reason in names.items()]
