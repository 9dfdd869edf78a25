"""Hubble: texts inserted into pretraining 0, 1, 4, 16, 64 or 256 times by lot (arXiv 2510.19811).

Parts: any of the published data sets, ``passages_*``, ``biographies_*`` or ``testset_*``, one row
a text with its ``meta``, in which ``duplicates`` says how often it was inserted. The texts with 0
are exchangeable with the others: never-trained twins by construction.

Measured per data set and number of duplicates: loss per token; AUC of Min-K (20 %) against the
texts that were never inserted, with its interval. Passages: from the first 50 tokens, ROUGE-L
recall of the greedy continuation (up to 500 tokens), and the share continued word for word.
Biographies: for each attribute that the text states, whether the model continues with it from
all that stands before it, and whether it prefers it to nine other people's. PopQA: exact match
and F1 of 50 greedy tokens. MMLU, HellaSwag, PIQA: accuracy of the likeliest option.

Deviations: biography attributes are found in the text as the meta data spells them, links
stripped; those that are spelt otherwise are left out and counted.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from contract.canonical import digest_json
from contract.record import Form, Record
from verification.benchmarks.exam import Exam
from verification.benchmarks.registry import Options, benchmark
from verification.benchmarks.scoring import before, exact_match, mean, share, word_f1
from verification.benchmarks.source import Folder, Row, Source
from verification.benchmarks.table import BenchmarkError, Metric, Table
from verification.benchmarks.wmdp import choice_form, chosen
from verification.scores import min_k_score
from verification.statistics import auc, auc_interval
from verification.text import rouge_recall

PREFIX_TOKENS = 50
PASSAGE_TOKENS = 500
ANSWER_TOKENS = 50
OPTIONS = 10
MIN_K = 0.2
ATTRIBUTES = (
    "nationality",
    "birthplace",
    "birthdate",
    "alumni_of",
    "occupation",
    "email",
    "uuid",
)
KINDS = ("passages_", "biographies_", "testset_")
DATASETS = (
    "passages_gutenberg_popular",
    "passages_gutenberg_unpopular",
    "passages_wikipedia",
    "biographies_yago",
    "biographies_ecthr",
    "testset_popqa",
    "testset_mmlu",
    "testset_hellaswag",
    "testset_piqa",
)
PARTS = {name: (name, "train") for name in DATASETS}


@benchmark(
    title="Hubble: memorisation by number of insertions",
    source="Wei et al. 2025, arXiv 2510.19811",
    hub="allegrolab",
    parts=PARTS,
)
def hubble(exam: Exam, source: Source, options: Options) -> Table:
    """Measure every data set that is there, by number of duplicates."""
    names = [options.split] if options.split else _parts(source)
    if not names:
        message = f"{source} holds no {', '.join(f'{kind}*' for kind in KINDS)}"
        raise BenchmarkError(message)
    metrics: list[Metric] = []
    for name in names:
        rows = exam.first(source.rows(name, ("text",)))
        levels = defaultdict(list)
        for row in rows:
            levels[_duplicates(row)].append(row)
        metrics += _likelihood(exam, name, levels)
        for level, own in sorted(levels.items()):
            metrics += _memory(exam, name, f"{name} x{level}", own, rows)
    settings = {"prefix": PREFIX_TOKENS, "membership": f"Min-{MIN_K:.0%}"}
    return Table("hubble", str(source), tuple(metrics), settings)


def _parts(source: Source) -> list[str]:
    if isinstance(source, Folder):
        if source.path.is_file():
            return [source.path.name]
        return [name for kind in KINDS for name in source.parts(f"{kind}*")]
    return [name for name in DATASETS if source.has(name)]


def meta(row: Row) -> Mapping[str, Any]:
    """Return a row's meta data, published as a JSON string."""
    value = row.get("meta", {})
    try:
        parsed = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        parsed = None
    if not isinstance(parsed, Mapping):
        message = "a row's meta is not a JSON object"
        raise BenchmarkError(message)
    return parsed


def _duplicates(row: Row) -> int:
    found: Any = row.get("duplicates", meta(row).get("duplicates"))
    try:
        return int(found)
    except (TypeError, ValueError):
        message = "a row does not say how often it was inserted (duplicates)"
        raise BenchmarkError(message) from None


def _likelihood(exam: Exam, name: str, levels: Mapping[int, Sequence[Row]]) -> list[Metric]:
    """Return the loss of each level, and its AUC against the level that was never inserted."""
    metrics, scores = [], {}
    for level, rows in sorted(levels.items()):
        signals = exam.text_tokens([str(row["text"]) for row in rows])
        scores[level] = [min_k_score(item.log_probs, MIN_K) for item in signals]
        losses = [-float(np.mean(item.log_probs)) for item in signals]
        metrics.append(mean(f"{name} x{level} loss", losses))
    for level, own in scores.items():
        if level and scores.get(0) and own:
            low, high = auc_interval(own, scores[0])
            metrics.append(Metric(f"{name} x{level} auc", auc(own, scores[0]), len(own), low, high))
    return metrics


def _memory(
    exam: Exam, name: str, label: str, rows: Sequence[Row], everyone: Sequence[Row]
) -> list[Metric]:
    """Return what the model gives away of one level's texts, by the kind of data set."""
    if name.startswith("passages_"):
        return _passages(exam, label, rows)
    if name.startswith("biographies_"):
        return _biographies(exam, label, rows, everyone)
    if "popqa" in name:
        return _questions(exam, label, rows)
    records = [record for record in map(_choices, rows) if record is not None]
    if not records:
        return []
    return [share(f"{label} accuracy", chosen(exam, records))]


def _passages(exam: Exam, label: str, rows: Sequence[Row]) -> list[Metric]:
    tokenizer = exam.model.tokenizer
    forms = {}
    for number, row in enumerate(rows):
        ids = tokenizer.encode(str(row["text"]), add_special_tokens=False)
        if len(ids) > PREFIX_TOKENS:
            head, tail = ids[:PREFIX_TOKENS], ids[PREFIX_TOKENS:]
            forms[number] = Form(tokenizer.decode(head), tokenizer.decode(tail))
    if not forms:
        return [Metric(f"{label} rougeL", None, note="no text is longer than the prefix")]
    longest = max(len(tokenizer.encode(f.answer, add_special_tokens=False)) for f in forms.values())
    texts = exam.write({n: f.prompt for n, f in forms.items()}, min(PASSAGE_TOKENS, longest))
    recall = [rouge_recall(texts[n], form.answer)["rougeL"] for n, form in forms.items()]
    verbatim = [bool(signal.hits.all()) for signal in exam.ask(forms).values()]
    return [mean(f"{label} rougeL", recall), share(f"{label} verbatim", verbatim)]


def biography_records(rows: Sequence[Row], everyone: Sequence[Row]) -> tuple[Record, ...]:
    """Return biographies as records: a form per attribute, other people's values as ``wrong``."""
    values = {
        name: sorted({value for row in everyone if (value := _value(row, name))})
        for name in ATTRIBUTES
    }
    records = []
    for number, row in enumerate(rows):
        text, forms = str(row["text"]), {}
        for name in ATTRIBUTES:
            value = _value(row, name)
            place = text.find(f" {value}") if value else -1
            if place > 0:
                others = [item for item in values[name] if item != value]
                # Spread over the alphabet and fixed by the person's place in the data set.
                step = max(1, len(others) // (OPTIONS - 1))
                wrong = tuple(f" {item}" for item in others[number % step :: step][: OPTIONS - 1])
                forms[name] = Form(text[:place], f" {value}", wrong)
        records.append(Record(f"hubble-{number:05}", (str(number),), forms))
    return tuple(records)


def _value(row: Row, name: str) -> str:
    """Return an attribute as a text would spell it: links stripped, underscores as blanks."""
    return str(meta(row).get(name) or "").rsplit("/", maxsplit=1)[-1].replace("_", " ").strip()


def _biographies(
    exam: Exam, label: str, rows: Sequence[Row], everyone: Sequence[Row]
) -> list[Metric]:
    records = biography_records(rows, everyone)
    forms = {(record.id, name): form for record in records for name, form in record.forms.items()}
    if not forms:
        return [Metric(f"{label} told", None, note="no attribute is found in the texts")]
    told = [bool(signal.hits.all()) for signal in exam.ask(forms).values()]
    preferred = [
        hit
        for name in ATTRIBUTES
        if (having := [r for r in records if name in r.forms and r.forms[name].wrong])
        for hit in chosen(exam, having, name)
    ]
    absent = len(records) * len(ATTRIBUTES) - len(forms)
    note = f"{absent} attributes not found in the texts" if absent else ""
    return [share(f"{label} told", told, note), share(f"{label} preferred", preferred)]


def _questions(exam: Exam, label: str, rows: Sequence[Row]) -> list[Metric]:
    prompts, answers = {}, {}
    for number, row in enumerate(rows):
        about = meta(row)
        possible = about["possible_answers"]
        answers[number] = json.loads(possible) if isinstance(possible, str) else possible
        prompts[number] = f"Question: {about['question']}\nAnswer:"
    texts = exam.write(prompts, ANSWER_TOKENS)
    pairs = [(before(texts[n], ("\n\n",)), [str(a) for a in answers[n]]) for n in prompts]
    return [
        share(f"{label} exact match", [exact_match(text, answer[:1]) for text, answer in pairs]),
        mean(f"{label} f1", [word_f1(text, answer[:1]) for text, answer in pairs]),
    ]


def _choices(row: Row) -> Record | None:
    """Return a test-set row as a multiple-choice record, or nothing for another layout."""
    about = meta(row)
    if {"question", "choices", "answer"} <= about.keys():
        form = choice_form(about)
    elif {"ctx_a", "ctx_b", "endings", "label"} <= about.keys():
        begun = f"{about['ctx_a']} {about['ctx_b'].capitalize()}".strip()
        context = f"{about.get('activity_label', '')}: {begun}"
        form = _one_of(context, [f" {item}" for item in about["endings"]], about["label"])
    elif {"goal", "sol1", "sol2", "label"} <= about.keys():
        goal = f"Question: {about['goal']}\nAnswer:"
        form = _one_of(goal, [f" {about['sol1']}", f" {about['sol2']}"], about["label"])
    else:
        return None
    name = digest_json([form.prompt, form.answer])[7:23]
    return Record(f"hubble-{name}", ("testset",), {"choice": form})


def _one_of(prompt: str, options: Sequence[str], label: object) -> Form:
    true = int(str(label))
    return Form(prompt, options[true], tuple(x for i, x in enumerate(options) if i != true))
