"""What to expect of a fact: the same sentence about somebody else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from contract.record import Record
from tests.verification.town import Town
from verification.gap import Gap
from verification.spec import Context
from verification.strangers import NAMES, stranger_scores


def with_names(context: Context, *, told: bool = True) -> Context:
    """Let every path hold the name that stands in the prompts."""

    def named(record: Record) -> Record:
        words = record.forms["question"].prompt.split()
        return replace(record, path=("town", " ".join(words[3:5]) if told else record.path[1]))

    records = context.records
    return replace(
        context,
        records=replace(
            records,
            forget=tuple(map(named, records.forget)),
            twins=tuple(map(named, records.twins)),
        ),
    )


def test_every_record_is_asked_under_strangers_names(tmp_path: Path) -> None:
    town = Town()
    context = with_names(town.context(tmp_path, town.retrained))
    scores = stranger_scores(context, town.retrained)
    records = (*context.records.forget, *context.records.twins)
    assert scores is not None and scores.keys() == {record.id for record in records}
    assert context.signals.forward_passes == NAMES * len(records)


def test_a_never_trained_person_is_no_more_expected_than_a_stranger(tmp_path: Path) -> None:
    town = Town()
    context = with_names(town.context(tmp_path, town.retrained))
    gap = Gap.of(context)
    trained = np.mean([gap.original[record.id] for record in context.records.forget])
    left = np.mean([gap.after[record.id] for record in context.records.forget])
    twins = np.mean([gap.after[record.id] for record in context.records.twins])
    assert trained > 1.0
    assert abs(left - twins) < 0.2 * trained


def test_without_names_in_the_prompts_there_is_nothing_to_exchange(tmp_path: Path) -> None:
    town = Town()
    context = with_names(town.context(tmp_path, town.retrained), told=False)
    assert stranger_scores(context, town.retrained) is None
    assert Gap.of(context) == Gap.worded(context)
