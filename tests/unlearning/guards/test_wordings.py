"""Where a model is served within a chat template, a guard is built on what it will meet."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from contract.job import ModelRef
from contract.manifest import folder_digest
from contract.record import Form, Record
from tests.unlearning.conftest import Clinic, Trained
from tests.unlearning.guards.conftest import Served, asked
from unlearning.guards import load_guard
from unlearning.guards.restriction import RestrictionGuard
from unlearning.guards.wordings import as_served
from unlearning.models import load_tokenizer

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
