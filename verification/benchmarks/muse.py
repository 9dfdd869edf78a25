"""MUSE: six criteria of unlearning news and books (Shi et al., arXiv 2407.06460).

Parts (folders of the published data): ``verbmem/forget`` (prompt, gt),
``knowmem/{forget,retain}_qa`` with their few-shot examples ``..._qa_icl`` (question, answer),
``privleak/{forget,holdout}`` (texts).

1. Verbatim memorisation: ROUGE-L **F1** without stemming of 128 greedy tokens with the first 128
   tokens of the true continuation.
2. Knowledge memorisation of the forget set: few-shot questions, 32 greedy tokens, cut at a blank
   line or the next question, same ROUGE.
3. Privacy leakage: AUC of Min-40 % on forgotten against held-out texts, relative to a model that
   never saw the forget set. ``--reference`` (that model's table) gives its AUC; ``--corpus news``
   or ``books`` takes the published constant, which holds for the published Llama-2 models only;
   otherwise one half stands in, as OpenUnlearning does.
4. Utility: knowledge memorisation of the retain set.
5. Scalability and 6. sustainability: utility and leakage over models unlearned with growing
   forget sets (``scal/forget_1..4``) or one request after another (``sust/forget_1..4``). Give the
   models in order: ``--series scalability PATH...``, ``--series sustainability PATH...``.

Scores are shares between 0 and 1; the paper prints them times 100.

Limits: PrivLeak is a ratio of two noisy AUCs without an interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from contract.record import Form, Record
from verification.benchmarks.exam import Exam
from verification.benchmarks.registry import Options, benchmark
from verification.benchmarks.scoring import before, mean, missing, rouge_l_f1
from verification.benchmarks.source import Row, Source
from verification.benchmarks.table import BenchmarkError, Metric, Table, read_table
from verification.scores import min_k_score
from verification.statistics import auc, auc_interval
from verification.text import privacy_leakage

VERBATIM_TOKENS = 128
ANSWER_TOKENS = 32
STOPS = ("\n\n", "\nQuestion", "Question:")
MIN_K = 0.4
RETRAINED = {"news": 1.0 - 0.4772, "books": 1.0 - 0.5393}
"""Member-oriented AUCs of the published retrained models (they print one minus it)."""
SERIES = ("scalability", "sustainability")
FOLDERS = ("knowmem", "verbmem", "privleak")
PARTS = {
    "verbmem/forget": ("verbmem", "forget"),
    "privleak/forget": ("privleak", "forget"),
    "privleak/holdout": ("privleak", "holdout"),
    **{
        f"knowmem/{side}_qa{kind}": ("knowmem", f"{side}_qa{kind}")
        for side in ("forget", "retain")
        for kind in ("", "_icl")
    },
}


@benchmark(
    title="MUSE: six criteria of machine unlearning",
    source="Shi et al. 2024, arXiv 2407.06460",
    hub="muse-bench/MUSE-News",
    parts=PARTS,
)
def muse(exam: Exam, source: Source, options: Options) -> Table:
    """Measure criteria 1 to 4, and 5 and 6 where the models of a series are given."""
    if not any(source.has(part) for part in PARTS):
        message = f"{source} holds none of {', '.join(PARTS)}"
        raise BenchmarkError(message)
    reference, origin = _reference(options)
    metrics = _four(exam, source, reference)
    for name in SERIES:
        metrics += _over_models(name, options, source, reference)
    settings = {
        "rouge": "rouge_score rougeL F1, no stemmer",
        "tokens": f"{VERBATIM_TOKENS} verbatim, {ANSWER_TOKENS} knowledge",
        "privleak": f"Min-{MIN_K:.0%}, reference AUC {reference:.4f} ({origin})",
    }
    return Table("muse", str(source), tuple(metrics), settings)


def _four(exam: Exam, source: Source, reference: float) -> list[Metric]:
    metrics = [_verbatim(exam, source)]
    metrics += [_knowledge(exam, source, side) for side in ("forget", "retain")]
    return [*metrics, *_leakage(exam, source, reference)]


def muse_records(rows: Sequence[Row], side: str, shots: Sequence[Row] = ()) -> tuple[Record, ...]:
    """Return rows as records: ``verbatim`` (prompt, gt) or ``question`` after the shots."""
    examples = "".join(f"Question: {r['question']}\nAnswer: {r['answer']}\n\n" for r in shots)

    def form(row: Row) -> tuple[str, Form]:
        if "gt" in row:
            return "verbatim", Form(row["prompt"], row["gt"])
        return "question", Form(f"{examples}Question: {row['question']}\nAnswer: ", row["answer"])

    named = [form(row) for row in rows]
    return tuple(
        Record(f"muse-{side}-{name}-{number:05}", (side,), {name: asked})
        for number, (name, asked) in enumerate(named)
    )


def _verbatim(exam: Exam, source: Source) -> Metric:
    name = "verbmem_forget"
    if not source.has("verbmem/forget"):
        return Metric(name, None, note="no verbmem/forget")
    rows = source.rows("verbmem/forget", ("prompt", "gt"))
    records = exam.first(muse_records(rows, "forget"))
    prompts = {r.id: r.forms["verbatim"].prompt for r in records}
    texts = exam.write(prompts, VERBATIM_TOKENS)
    true = {r.id: exam.cut(r.forms["verbatim"].answer, VERBATIM_TOKENS) for r in records}
    return mean(name, [rouge_l_f1(text, true[key]) for key, text in texts.items()])


def _knowledge(exam: Exam, source: Source, side: str) -> Metric:
    name, part = f"knowmem_{side}", f"knowmem/{side}_qa"
    if not source.has(part):
        return Metric(name, None, note=f"no {part}")
    shots = source.rows(f"{part}_icl", ("question", "answer")) if source.has(f"{part}_icl") else []
    records = exam.first(muse_records(source.rows(part, ("question", "answer")), side, shots))
    prompts = {r.id: r.forms["question"].prompt for r in records}
    texts = exam.write(prompts, ANSWER_TOKENS)
    scores = [rouge_l_f1(before(texts[r.id], STOPS), r.forms["question"].answer) for r in records]
    return mean(name, scores, note="" if shots else "no few-shot examples were given")


def _leakage(exam: Exam, source: Source, reference: float) -> list[Metric]:
    parts = {side: f"privleak/{side}" for side in ("forget", "holdout")}
    absent = [part for part in parts.values() if not source.has(part)]
    if absent:
        reason = f"no {', '.join(absent)}"
        return missing({"privleak": reason, "privleak_auc": reason})
    scores = {}
    for side, part in parts.items():
        rows = exam.first(source.rows(part, ("text",)))
        signals = exam.text_tokens([str(row["text"]) for row in rows])
        scores[side] = [min_k_score(signal.log_probs, MIN_K) for signal in signals]
    area = auc(scores["forget"], scores["holdout"])
    low, high = auc_interval(scores["forget"], scores["holdout"])
    records = len(scores["forget"])
    leak = Metric("privleak", privacy_leakage(area, reference), records, note="per cent")
    return [leak, Metric("privleak_auc", area, records, low, high)]


def _reference(options: Options) -> tuple[float, str]:
    """Return the AUC of a model that never saw the forget set, and where it is from."""
    if options.reference is not None:
        area = read_table(options.reference, "muse")["privleak_auc"]
        if area is None:
            message = f"{options.reference} has no privleak_auc"
            raise BenchmarkError(message)
        return area, "the reference's table"
    if options.corpus:
        if options.corpus not in RETRAINED:
            message = f"there is no constant for corpus {options.corpus!r}; known: news, books"
            raise BenchmarkError(message)
        return RETRAINED[options.corpus], f"published for {options.corpus}"
    return 0.5, "assumed: no reference given"


def _over_models(name: str, options: Options, source: Source, reference: float) -> list[Metric]:
    """Return utility and leakage of each model of a series, and the utility lost on the way."""
    paths: tuple[Path, ...] = options.series.get(name, ())
    if not paths:
        return missing({name: f"needs the models unlearned in order (--series {name} PATH...)"})
    found: list[Metric] = []
    for number, path in enumerate(paths, start=1):
        exam = options.open(path)
        both = (_knowledge(exam, source, "retain"), _leakage(exam, source, reference)[0])
        found += [Metric(f"{name}_{number}_{m.name}", m.value, m.records) for m in both]
    first, last = found[0].value, found[-2].value
    lost = None if first is None or last is None else first - last
    return [Metric(name, lost, len(paths), note="utility lost from first to last"), *found]
