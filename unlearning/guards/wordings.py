"""A record's forms as they reach the model at serving: plain, and within the chat template.

A chat model never sees a bare question. A guard built on bare ones would be asked about prompts it
has not met, so where the tokenizer has a chat template each form is there twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from contract.record import CALIBRATION_FORM, Form, Record
from verification.families.causal_lm.model import opening_ids

CHAT = "-chat"


def as_served(tokenizer: Any, records: Iterable[Record]) -> tuple[Record, ...]:
    """Return the records without the form reserved to calibration, and with chat forms if any."""
    found = []
    for record in records:
        forms = {name: form for name, form in record.forms.items() if name != CALIBRATION_FORM}
        if getattr(tokenizer, "chat_template", None):
            forms |= {name + CHAT: chat(tokenizer, form) for name, form in forms.items()}
        found.append(replace(record, forms=forms))
    return tuple(found)


def chat(tokenizer: Any, form: Form) -> Form:
    """Return a form whose prompt is the user's turn of a conversation.

    The start token is left out where every text gets it when it is turned into ids.
    """
    text: str = tokenizer.apply_chat_template(
        [{"role": "user", "content": form.prompt.strip()}],
        tokenize=False,
        add_generation_prompt=True,
    )
    if getattr(tokenizer, "bos_token_id", None) in opening_ids(tokenizer):
        text = text.removeprefix(tokenizer.bos_token)
    return Form(text, form.answer.lstrip(), tuple(item.lstrip() for item in form.wrong))
