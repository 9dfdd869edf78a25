"""Is what was tested all there is? What a candidate's folder may hold beside what was asked.

Three things hide a person from every question and from no holder of the files: weights that are
stored and never loaded, a tokenizer that changes what is asked, and a base that still knows under
an adapter that does not. The original alone says what is usual: what its own folder holds unused,
and which texts its own tokenizer gives back.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from contract.canonical import read_json
from contract.job import VerificationJob
from contract.report import Estimate, Gate, Tier, Verdict
from verification.facts import column, columns, scores_of
from verification.families import device_for
from verification.families.causal_lm import base_of, is_adapter, load
from verification.spec import Context
from verification.statistics import auc, auc_interval, design_effect, leak_p_value

CONTENTS = "The candidate's folder holds nothing but what was tested"
BASE = "Without its adapter the candidate does not know the records either"
WEIGHTS = frozenset({".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".gguf", ".h5", ".npz"})
INDEXES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
"""Lists of the files among which a large model is divided."""
SINGLE = ("model.safetensors", "pytorch_model.bin")
ADAPTERS = ("adapter_model.safetensors", "adapter_model.bin")
HARMLESS = frozenset({"training_args.bin"})
"""What the usual trainer leaves beside a model: settings."""
_HALF = 0.5


def whole_gates(folder: Path, job: VerificationJob, context: Context) -> tuple[Gate, ...]:
    """Return what the candidate's folder says of itself; nothing for a sharded model."""
    if job.candidate is None or job.candidate.layout != "whole":
        return ()
    path = folder / job.candidate.path
    contents = _contents(context, path)
    if is_adapter(path) and context.profile.grants is not Tier.BEHAVIOURAL:
        return contents, _base(context, path)
    return (contents,)


def _contents(context: Context, path: Path) -> Gate:
    """Look for stored weights that no question reached, and for texts that are read as others."""
    problems = []
    beside = unopened(path)
    if beside:
        context.events.emit("opening", f"not opened, so not tested: {', '.join(beside)}")
        problems.append(f"{len(beside)} file(s) of weights in the folder were not opened")
    unused = context.candidate.unused - context.original.unused
    if unused > 0:
        problems.append(f"{unused} stored weight(s) have no place in the architecture")
    changed = _changed_texts(context)
    if changed:
        problems.append(f"the tokenizer changes the text of {changed} record(s)")
    if problems:
        return Gate("contents", CONTENTS, Verdict.INVALID, "; ".join(problems))
    return Gate("contents", CONTENTS, Verdict.PASS, "every weight in the folder was opened")


def unopened(path: Path) -> list[str]:
    """Return the files of weights in a model's folder that opening it does not open, by name."""
    opened = _opened(path)
    return sorted(
        item.relative_to(path).as_posix()
        for item in path.rglob("*")
        if item.suffix in WEIGHTS and item not in opened and item.name not in HARMLESS
    )


def _opened(path: Path) -> set[Path]:
    """Return the files that transformers or peft opens, in their order of preference."""
    if is_adapter(path):
        return set([path / name for name in ADAPTERS if (path / name).is_file()][:1])
    for index, single in zip(INDEXES, SINGLE, strict=True):
        if (path / single).is_file():
            return {path / single}
        if (path / index).is_file():
            return {path / name for name in read_json(path / index)["weight_map"].values()}
    return set()


def _changed_texts(context: Context) -> int:
    """Count the records that the candidate's tokenizer does not give back and the original's does.

    One that has the original's tokens is asked with the original's tokenizer.
    """
    texts = {
        record.id: [text for form in record.forms.values() for text in (form.prompt, form.answer)]
        for record in context.records.forget
    }
    return sum(
        any(
            not context.candidate.reads_whole(text) and context.original.reads_whole(text)
            for text in own
        )
        for own in texts.values()
    )


def _base(context: Context, path: Path) -> Gate:
    """Ask the base alone, as the membership attack asks the original."""
    records = context.records
    key = f"{context.candidate.key}+base"
    base = load(base_of(path), key=key, device=device_for(context.job.device))
    base = base.read_like(context.original)
    scores = scores_of(context, base, [*records.forget, *records.twins])
    context.signals.drop(base)
    forget, twins = column(scores, records.forget), columns(scores, records.twin_subjects)
    pool, widening = np.concatenate(twins), design_effect(twins)
    level = context.profile.control_alpha
    low, high = auc_interval(forget, pool, 1.0 - level, widening)
    leak = leak_p_value(forget, pool, widening)
    found = Estimate("Membership AUC, base", auc(forget, pool), low, high, None, leak, null=_HALF)
    if leak < level:
        reason = (
            "the base under the candidate's adapter still knows the records: whoever takes the "
            "adapter off has them back; use a base that never saw them, or one made to forget"
        )
        return Gate("base", BASE, Verdict.FAIL, reason, (found,))
    return Gate("base", BASE, Verdict.PASS, "the base shows no trace of the records", (found,))
