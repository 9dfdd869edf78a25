"""Guards that work on logits contain the answers, leave the others alone, and come off without a
trace: which is why they are containment."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from contract.manifest import folder_digest
from tests.unlearning.conftest import Clinic, Trained
from tests.unlearning.guards.conftest import TOKENS, Built, Served, asked, reproduced
from unlearning.guards import load_guard
from unlearning.guards.restriction import RestrictionGuard
from unlearning.guards.serving import LogitsGuard, encoded

Builder = Callable[[str], Built]
KINDS = ["guard", "uld"]


def opened(built: Builder, kind: str, served: Served) -> LogitsGuard:
    guard = load_guard(built(kind).folder, served.model, served.tokenizer)
    assert isinstance(guard, LogitsGuard)
    return guard


@pytest.mark.training
@pytest.mark.parametrize("form", ["question", "statement"])
@pytest.mark.parametrize("kind", KINDS)
def test_memorised_answers_are_no_longer_reproduced(
    kind: str, form: str, built: Builder, served: Served, clinic: Clinic
) -> None:
    prompts = asked(clinic.forget, form)
    assert reproduced(served.says(prompts), clinic.forget, form) == 1.0
    guard = opened(built, kind, served)
    assert reproduced(guard.answers(prompts, max_new_tokens=TOKENS), clinic.forget, form) == 0.0


@pytest.mark.training
@pytest.mark.parametrize("kind", KINDS)
def test_other_peoples_answers_stay(
    kind: str, built: Builder, served: Served, clinic: Clinic
) -> None:
    prompts = asked(clinic.retain)
    guard = opened(built, kind, served)
    said = guard.answers(prompts, max_new_tokens=TOKENS, num_beams=1)
    same = [one == other for one, other in zip(served.says(prompts), said, strict=True)]
    assert sum(same) >= 0.9 * len(same)
    assert reproduced(said, clinic.retain) >= 0.9
    if kind == "guard":
        assert all(same), "where the detector is silent nothing is touched"


@pytest.mark.training
@pytest.mark.parametrize("kind", KINDS)
def test_taking_the_guard_off_restores_every_byte(
    kind: str, built: Builder, served: Served, clinic: Clinic, whole: Trained
) -> None:
    prompts = [*asked(clinic.forget), *asked(clinic.retain)]
    said, tensors = served.says(prompts), served.fingerprint()
    guard = opened(built, kind, served)
    guarded = guard.answers(prompts, max_new_tokens=TOKENS)
    assert guarded != said
    assert served.fingerprint() == tensors, "nothing of the model was changed"
    del guard
    assert served.says(prompts) == said
    assert folder_digest(whole.path) == whole.ref.digest


@pytest.mark.training
@pytest.mark.parametrize("kind", KINDS)
def test_five_lines_guard_generate(
    kind: str, built: Builder, served: Served, clinic: Clinic
) -> None:
    """As the guide says it, pinned."""
    model, tokenizer, prompts = served.model, served.tokenizer, asked(clinic.forget)
    folder = built(kind).folder
    guard = load_guard(folder, model, tokenizer, digest=folder_digest(folder))
    assert isinstance(guard, LogitsGuard)
    inputs = tokenizer(prompts, return_tensors="pt", padding=True, padding_side="left")
    output = model.generate(**inputs, logits_processor=guard.processors(inputs), num_beams=4)
    texts = tokenizer.batch_decode(output[:, inputs.input_ids.shape[1] :])
    assert reproduced(texts, clinic.forget) == 0.0


@pytest.mark.training
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "given",
    [
        {"num_beams": 3},
        {"do_sample": True, "temperature": 1.5, "num_return_sequences": 3},
        {"num_beams": 4, "num_return_sequences": 2, "early_stopping": True},
    ],
    ids=["beams", "samples", "two of four beams"],
)
def test_containment_holds_however_one_searches(
    kind: str, given: dict[str, object], built: Builder, served: Served, clinic: Clinic
) -> None:
    torch.manual_seed(3)
    guard = opened(built, kind, served)
    inputs = encoded(served.tokenizer, asked(clinic.forget))
    with torch.inference_mode():
        output = served.model.generate(
            **inputs,
            logits_processor=guard.processors(inputs),
            max_new_tokens=TOKENS,
            pad_token_id=served.tokenizer.pad_token_id,
            **given,
        )
    width = inputs["input_ids"].shape[1]
    said = served.tokenizer.batch_decode(output[:, width:], skip_special_tokens=True)
    each = len(said) // len(clinic.forget)
    people = [record for record in clinic.forget for _ in range(each)]
    assert reproduced(said, people) == 0.0


@pytest.mark.training
def test_uld_measures_the_weight_that_contains_and_says_what_is_left(built: Builder) -> None:
    metrics = built("uld").result.metrics
    assert metrics["forget_answers_reproduced_before"] > 0.4
    assert metrics["forget_answers_reproduced"] == 0.0
    assert metrics["retain_tokens_reproduced"] > metrics["retain_tokens_reproduced_before"] - 0.05


@pytest.mark.training
def test_the_detector_knows_the_persons_prompts_and_hardly_any_other(
    built: Builder, served: Served, clinic: Clinic
) -> None:
    guard = load_guard(built("guard").folder, served.model, served.tokenizer)
    assert isinstance(guard, RestrictionGuard)

    def fires(prompts: list[str]) -> list[bool]:
        return guard.detected([served.tokenizer.encode(prompt) for prompt in prompts])

    assert all(fires(asked(clinic.forget) + asked(clinic.forget, "cloze")))
    others = fires(asked(clinic.retain) + asked(clinic.retain, "cloze"))
    assert sum(others) <= 0.1 * len(others)


@pytest.mark.training
def test_rows_of_other_prompts_are_refused(built: Builder, served: Served, clinic: Clinic) -> None:
    inputs = encoded(served.tokenizer, asked(clinic.forget)[:2])
    for kind in KINDS:
        (processor,) = opened(built, kind, served).processors(inputs)
        with pytest.raises(ValueError, match="rows"):
            processor(inputs["input_ids"][:1], torch.zeros(1, len(served.tokenizer)))
