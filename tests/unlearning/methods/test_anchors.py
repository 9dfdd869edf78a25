from __future__ import annotations

import pytest
import torch

from contract.record import Form, Record
from contract.result import ErrorCode
from unlearning.anchors import Dictionary, dictionary_of
from unlearning.methods.whp import generic


def record(name: str, prompt: str, answer: str = "red") -> Record:
    return Record(name, (name,), {"question": Form(prompt, answer)})


ADA = record("ada", "What is the colour of Ada Moss in the north hall? Answer: ")
BEN = record("ben", "What is the colour of Ben Moss in the north hall? Answer: ")
STRANGERS = (
    record("cleo", "What is the colour of Cleo Lark in the north hall? Answer: "),
    record("dan", "Where does Dan Rook live? Answer: "),
)


def test_a_name_becomes_the_name_of_a_stranger_in_the_most_similar_prompt() -> None:
    found = dictionary_of([ADA], STRANGERS, [BEN], ["question"])
    assert found.terms == {"Ada Moss": "Cleo Lark", "Ada": "Cleo"}
    assert found.translate("Ada Moss, Ada and Adam Moss") == "Cleo Lark, Cleo and Adam Moss"


def test_words_that_kept_texts_hold_point_to_nobody() -> None:
    kept = [BEN, record("x", "Ada", "Moss")]
    assert dictionary_of([ADA], STRANGERS, kept, ["question"]).terms == {}


def test_without_strangers_nothing_is_translated() -> None:
    found = dictionary_of([ADA], (), [BEN], ["question"])
    assert len(found) == 0 and found.translate("Ada Moss") == "Ada Moss"


def test_longer_terms_are_replaced_first_and_only_whole_words() -> None:
    found = Dictionary({"Ada": "Eve", "Ada Moss": "Cleo Lark"})
    assert found.translate("Ada Moss saw Ada's Adam.") == "Cleo Lark saw Eve's Adam."


def test_generic_logits_are_lowered_where_the_reinforced_model_rose() -> None:
    base, reinforced = torch.tensor([[2.0, 1.0, 0.0]]), torch.tensor([[3.0, 0.5, 0.0]])
    # 2 - 5 * 1, 1 - 5 * 0, 0 - 5 * 0.
    assert generic(base, reinforced, 5.0).tolist() == [[-3.0, 1.0, 0.0]]


@pytest.mark.parametrize("content", [None, "[1]", '{"a": 1}', "{"])
def test_a_dictionary_that_cannot_be_read_is_refused(
    content: str | None, whole: object, make_job: object, failed: object
) -> None:
    folder = make_job("whp", whole, {"anchors": "terms.json"})  # type: ignore[operator]
    if content is not None:
        (folder / "terms.json").write_text(content)
    failure = failed(folder).failure  # type: ignore[operator]
    assert failure.code in {ErrorCode.DATA_MISSING, ErrorCode.BAD_JOB}
    assert "JSON" in failure.message
