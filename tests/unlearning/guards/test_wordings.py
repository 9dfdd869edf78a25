"""Where a model is served within a chat template, a guard is built on what it will meet."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from tokenizers.processors import TemplateProcessing

from contract.job import ModelRef
from contract.manifest import folder_digest
from contract.record import Form, Record
from tests.unlearning.conftest import Clinic, Trained
from tests.unlearning.guards.conftest import Served, asked
from unlearning.guards import load_guard
from unlearning.guards.restriction import RestrictionGuard
from unlearning.guards.serving import encoded
from unlearning.guards.wordings import as_served, chat
from unlearning.models import load_tokenizer
from verification.families.causal_lm import encode_form

TEMPLATE = "{% for m in messages %}[{{ m.role }}] {{ m.content }}\n{% endfor %}[assistant] "


@pytest.fixture
def chatting(tmp_path: Path, whole: Trained) -> Path:
    """Return the tiny model's folder with a chat template."""
    folder = Path(shutil.copytree(whole.path, tmp_path / "model"))
    tokenizer = load_tokenizer(folder)
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(str(folder))
    return folder


@pytest.mark.training
def test_a_form_is_there_plain_and_as_a_turn_of_a_conversation(chatting: Path) -> None:
    form = Form("Dose? ", " 5 mg", wrong=(" 6 mg",))
    record = Record("r", ("p",), {"question": form, "calibration": form})
    (plain,) = as_served(object(), [record])
    assert plain.forms == {"question": form}
    (both,) = as_served(load_tokenizer(chatting), [record])
    chat = Form("[user] Dose?\n[assistant] ", "5 mg", ("6 mg",))
    assert both.forms == {"question": form, "question-chat": chat}


@pytest.mark.training
def test_the_start_token_stands_before_a_prompt_once(chatting: Path) -> None:
    tokenizer = load_tokenizer(chatting)
    tokenizer.add_special_tokens({"bos_token": "<|start|>"})
    tokenizer.chat_template = "<|start|>" + TEMPLATE
    tokenizer._tokenizer.post_processor = TemplateProcessing(
        single="<|start|> $A", special_tokens=[("<|start|>", tokenizer.bos_token_id)]
    )
    start = tokenizer.bos_token_id
    form = Form("Dose? ", " 5 mg")
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": "Dose?"}], tokenize=False, add_generation_prompt=True
    )
    ids, place = encode_form(tokenizer, chat(tokenizer, form), end=False)
    served = encoded(tokenizer, [prompt])["input_ids"][0].tolist()
    assert ids.count(start) == served.count(start) == 1
    assert list(ids[:place]) == served, "what it was built on is what it is asked"
    assert encoded(tokenizer, ["Dose?"])["input_ids"][0].tolist().count(start) == 1


@pytest.mark.training
def test_the_detector_knows_prompts_within_the_template(  # noqa: PLR0913, PLR0917 - all that is served
    chatting: Path, whole: Trained, served: Served, clinic: Clinic, make_job: Any, completed: Any
) -> None:
    reference = ModelRef(str(chatting), folder_digest(chatting))
    folder = make_job("guard", whole, model=reference)
    completed(folder)
    tokenizer = load_tokenizer(chatting)
    guard = load_guard(folder / "output", served.model, tokenizer)
    assert isinstance(guard, RestrictionGuard)

    def fires(prompts: list[str]) -> list[bool]:
        turns = [f"[user] {prompt}\n[assistant] " for prompt in prompts]
        return guard.detected([tokenizer.encode(turn) for turn in turns])

    assert all(fires(asked(clinic.forget)))
    others = fires(asked(clinic.retain))
    assert sum(others) <= 0.1 * len(others)
