"""The first gate about the models themselves: do they answer, with numbers and with text?

A model whose logits are not numbers, or that ends every text before it began, has been broken or
stored wrongly. It would look as if it had forgotten everything; nothing can be read off it.
"""

from __future__ import annotations

from contract.record import Form
from contract.report import Gate, Verdict
from verification.families.causal_lm import CausalLM
from verification.signals import NotFiniteError
from verification.spec import Context

OTHERS = 8
"""How many records besides the forgotten ones a model may write text for."""


def answers_gate(context: Context) -> Gate:
    """Ask every model about the forgotten records and some that must be kept."""
    problems = [
        f"the {name} model {problem}"
        for name, model in models_of(context).items()
        if (problem := _problem(context, model))
    ]
    return Gate(
        "answers",
        "The models answer with numbers and with text",
        Verdict.INVALID if problems else Verdict.PASS,
        "; ".join([*problems, "make it again"]) if problems else "every model answers",
    )


def not_finite_gate(context: Context, error: NotFiniteError) -> Gate:
    """Return the gate for numbers that went missing only later, naming the model."""
    names = [name for name, model in models_of(context).items() if model.key == error.key]
    whose = f"the {names[0]} model: " if names else ""
    return Gate(
        "finite",
        "The models answer with numbers",
        Verdict.INVALID,
        f"{whose}{error}; nothing can be read off it: make it again",
    )


def models_of(context: Context) -> dict[str, CausalLM]:
    """Return the models by the names that a reader knows them by."""
    references = {
        f"reference {index}": model for index, model in enumerate(context.references, start=1)
    }
    return {"original": context.original, "candidate": context.candidate, **references}


def _problem(context: Context, model: CausalLM) -> str | None:
    records = context.records
    asked = [*records.forget, *[*records.neighbours, *records.retain][:OTHERS]]
    forms: dict[str, Form] = {}
    for record in asked:
        name = next((name for name in context.trained_forms if name in record.forms), None)
        if name is not None:
            forms[record.id] = record.forms[name]
    try:
        context.signals.ask(model, forms)
    except NotFiniteError:
        return "answers with something that is not a number (NaN or infinity)"
    prompts = {record: form.prompt for record, form in forms.items()}
    written = context.signals.write(model, prompts)
    if prompts and not any(text.strip() for text in written.values()):
        return f"writes nothing but empty text ({len(written)} prompts were tried)"
    return None
