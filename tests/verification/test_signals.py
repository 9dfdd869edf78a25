"""One forward pass per record, form and model; everything else is read off it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from benchmarks.candidates import World
from contract.record import Form
from verification.attacks.ablate_vectors import ablate_vectors
from verification.attacks.relearn import Relearning, relearn
from verification.attacks.restore_vectors import restore_vectors
from verification.families.causal_lm import CausalLM, load
from verification.signals import Signals

pytestmark = pytest.mark.training

FORMS = ("question", "statement")


@pytest.fixture(scope="module")
def place(hospital: Callable[[int], World]) -> World:
    return hospital(0)


@pytest.fixture(scope="module")
def model(place: World) -> CausalLM:
    return load(place.original(), key="original")


def test_every_probe_costs_one_forward_pass_however_often_it_is_read(
    place: World, model: CausalLM
) -> None:
    records = place.split(place.persons[0])[0]
    signals = Signals()
    first = signals.scores(model, records, FORMS)
    again = signals.scores(model, records, FORMS)
    assert signals.forward_passes == len(records) * len(FORMS) == len(first)
    assert again == first


def test_a_signal_is_what_one_unpadded_forward_pass_says(place: World, model: CausalLM) -> None:
    record = place.split(place.persons[0])[0][0]
    other = place.split(place.persons[1])[0]
    signal = Signals().scores(model, [record, *other], FORMS)[record.id, "question"]
    encoded = model.encode(record.forms["question"])
    with torch.inference_mode():
        logits = model.model(torch.tensor([encoded.ids])).logits[0, encoded.start - 1 : -1]
    expected = torch.log_softmax(logits, -1)
    own = expected[range(len(encoded.answer)), list(encoded.answer)]
    spread = torch.distributions.Categorical(logits=logits).entropy()
    np.testing.assert_allclose(signal.log_probs, own, atol=1e-4)
    np.testing.assert_allclose(signal.mean, -spread, atol=1e-4)
    assert signal.hits.tolist() == (expected.argmax(-1) == torch.tensor(encoded.answer)).tolist()


def test_only_the_answer_is_scored_and_a_blank_belongs_to_it(model: CausalLM) -> None:
    with_blank = model.encode(Form("What is it? ", "gout"))
    without = model.encode(Form("What is it?", " gout"))
    assert with_blank == without
    assert model.tokenizer.decode(with_blank.answer) == " gout"


def test_memorised_answers_are_written_out_whatever_stands_in_the_same_batch(
    place: World, model: CausalLM
) -> None:
    records = place.split(place.persons[0])[0]
    signals = Signals()
    hits = signals.scores(model, records, ("question",))
    texts = signals.texts(model, records, ("question",))
    told = [probe for record in records if hits[probe := (record.id, "question")].hits.all()]
    assert len(told) > len(records) / 2
    answers = {record.id: record.forms["question"].answer for record in records}
    assert all(texts[probe].strip() == answers[probe[0]].strip() for probe in told)


def test_an_attack_leaves_the_attacked_model_as_it_was(place: World, model: CausalLM) -> None:
    before = [item.clone() for item in model.model.parameters()]
    records = place.split(place.persons[0])[0][:4]
    samples = [model.encode(record.forms["question"], end=True) for record in records]
    how = Relearning(marks=(1, 3), batch=2, seed=0, learning_rate=1e-3)
    seen = [(mark, attacked.key) for mark, attacked in relearn(model, samples, how, "attack")]
    assert seen == [(1, "attack+1"), (3, "attack+3")]
    name = next(iter(model.value_matrices()))
    ablated = ablate_vectors(model, {name: [0, 2]}, "ablated")
    assert not ablated.value_matrices()[name][[0, 2]].any()
    restored = restore_vectors(ablated, model, {name: [0, 2]}, "restored")
    assert torch.equal(restored.value_matrices()[name], model.value_matrices()[name])
    after = list(model.model.parameters())
    assert all(torch.equal(one, two) for one, two in zip(before, after, strict=True))


def test_attribution_gives_every_value_vector_a_number_and_leaves_no_gradients(
    place: World, model: CausalLM
) -> None:
    records = place.split(place.persons[0])[0][:6]
    signals = Signals()
    found = signals.attribution(model, records, ("question",))
    assert {name: len(values) for name, values in found.items()} == {
        name: len(item) for name, item in model.value_matrices().items()
    }
    assert all(np.isfinite(values).all() for values in found.values())
    assert all(item.grad is None for item in model.model.parameters())
