"""ConceptVectors: are the parameters of a concept gone? (Hong et al., arXiv 2406.11614).

Parts: ``*_concepts*`` lists of concepts with the ``Layer`` and ``Dim`` of the MLP value vector
that carries them in the published model, ten questions, ten paragraphs to complete and fifty
unrelated questions. Everything compares the unlearned model with the ``--original``:

* behaviour: BLEU and distinct-word ROUGE-L F1 between what both write (100 greedy tokens): low on
  the concept and high on the unrelated questions is what unlearning should show;
* parameters: cosine, Euclidean distance and Jaccard overlap of the 200 tokens that the vector
  promotes, before and after. 1, 0 and 1 mean that the vector was not touched.

Limits: layer and unit belong to the model the list was made for (llama2-7b, olmo-7b). A vector
that moved was not thereby emptied, and people seldom own one: this can show a failure, not a
success. The check ``concept_vectors`` of the verifier elicits vectors in any model.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from statistics import mean as average

import torch
from torch import Tensor

from contract.record import Form, Record
from verification.benchmarks.exam import Exam
from verification.benchmarks.registry import Options, benchmark
from verification.benchmarks.scoring import bleu, distinct_rouge_l, mean, missing
from verification.benchmarks.source import Folder, Row, Source
from verification.benchmarks.table import BenchmarkError, Metric, Table

NEW_TOKENS = 100
TOP_TOKENS = 200
COLUMNS = ("Concept", "Layer", "Dim", "QA", "text_completion", "unrelated_QA")
PARTS = {
    f"{model}_concepts_{split}": (model, split)
    for model in ("llama2-7b", "olmo-7b")
    for split in ("test", "dev")
}
_LAYER = re.compile(r"\.(\d+)\.")
VECTOR_METRICS = ("cosine", "distance", "jaccard")
KINDS = ("qa", "text", "unrelated")


@benchmark(
    title="ConceptVectors: the parametric traces of a concept",
    source="Hong et al. 2024, arXiv 2406.11614",
    hub="YihuaiHong/ConceptVectors",
    parts=PARTS,
)
def concept_vectors(exam: Exam, source: Source, options: Options) -> Table:
    """Compare what both models write and what their vectors promote, averaged over concepts."""
    if options.original is None:
        message = "ConceptVectors compares with the model before unlearning (--original PATH)"
        raise BenchmarkError(message)
    original = options.open(options.original)
    part = _part(source, options.split)
    rows = exam.first(source.rows(part, COLUMNS))
    records = concept_records(rows)
    texts = [_written(each, records) for each in (exam, original)]
    metrics = []
    for kind in KINDS:
        pairs = [(after, texts[1][key]) for key, after in texts[0].items() if key[1][0] == kind]
        metrics += [
            mean(f"{kind}_bleu", [bleu(before, after) for after, before in pairs]),
            mean(f"{kind}_rougeL", [distinct_rouge_l(b, a)["f1"] for a, b in pairs]),
        ]
    settings = {"concepts": part, "tokens": NEW_TOKENS, "rouge": "distinct-word ROUGE-L F1"}
    metrics += _vectors(exam, original, rows)
    return Table("concept_vectors", str(source), tuple(metrics), settings)


def _part(source: Source, wish: str) -> str:
    if wish:
        return wish
    local = source.parts("*_concepts*") if isinstance(source, Folder) else []
    if isinstance(source, Folder) and not local and source.path.is_file():
        return source.path.name
    names = [*local, *(name for name in PARTS if not local and source.has(name))]
    if not names:
        message = f"{source} holds no list of concepts (*_concepts*.json)"
        raise BenchmarkError(message)
    return next((name for name in names if name.endswith("test")), names[0])


def concept_records(rows: Sequence[Row]) -> tuple[Record, ...]:
    """Return concepts as records: one form per question and paragraph (``qa 0``, ``text 3`` ...).

    The answers are what the original model writes, so they are empty here, paragraphs excepted.
    """
    return tuple(
        Record(f"concept-{number:04}", (str(row["Concept"]),), dict(_forms(row)))
        for number, row in enumerate(rows)
    )


def _forms(row: Row) -> list[tuple[str, Form]]:
    asked = [
        (f"{kind} {number}", Form(f"Question: {question}\n Answer:", ""))
        for kind, column in (("qa", "QA"), ("unrelated", "unrelated_QA"))
        for number, question in enumerate(row[column])
    ]
    paragraphs = [
        (
            f"text {number}",
            Form(
                f"Please complete the following paragraph: {item['First_half']}",
                str(item.get("Second_half", "")),
            ),
        )
        for number, item in enumerate(row["text_completion"])
    ]
    return asked + paragraphs


def _written(exam: Exam, records: Sequence[Record]) -> Mapping[tuple[str, tuple[str, str]], str]:
    """Return what a model writes, by record and (kind, number)."""
    prompts = {
        (record.id, (name.split()[0], name)): form.prompt
        for record in records
        for name, form in record.forms.items()
    }
    return exam.write(prompts, NEW_TOKENS)


def _vectors(exam: Exam, original: Exam, rows: Sequence[Row]) -> list[Metric]:
    before, after = _by_layer(original), _by_layer(exam)
    found: dict[str, list[float]] = {name: [] for name in VECTOR_METRICS}
    for row in rows:
        layer, unit = int(row["Layer"]), int(row["Dim"])
        if layer not in before or layer not in after:
            continue
        if not unit < min(len(before[layer]), len(after[layer])):
            continue
        old, new = (item[layer][unit].detach().float().cpu() for item in (before, after))
        if old.shape != new.shape:
            continue
        found["cosine"].append(float(torch.nn.functional.cosine_similarity(old, new, dim=0)))
        found["distance"].append(float(torch.linalg.vector_norm(old - new)))
        promoted = original.model.top_tokens(
            torch.stack([old, new]).to(original.model.device), TOP_TOKENS
        )
        shared = len(promoted[0] & promoted[1]) / len(promoted[0] | promoted[1])
        found["jaccard"].append(shared)
    if not found["cosine"]:
        reason = "no concept's layer and unit exist in this model"
        return missing({f"vector_{name}": reason for name in VECTOR_METRICS})
    skipped = len(rows) - len(found["cosine"])
    note = f"{skipped} concepts lie outside this model" if skipped else ""
    return [
        Metric(f"vector_{name}", average(values), len(values), note=note)
        for name, values in found.items()
    ]


def _by_layer(exam: Exam) -> dict[int, Tensor]:
    """Return the value vectors [units, hidden] of each layer by number."""
    layers: dict[int, Tensor] = {}
    for name, matrix in exam.model.value_matrices().items():
        number = _LAYER.search(name)
        if number is not None:
            layers.setdefault(int(number.group(1)), matrix)
    return layers
