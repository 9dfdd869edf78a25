from __future__ import annotations

from typing import Any

import pytest
import torch

from unlearning import models
from unlearning.data import Sample, collate, encode
from unlearning.losses import answer_logits, answer_nll, forward, nll
from unlearning.losses.forward import answer_states, head_of, in_pieces, layer_states
from unlearning.losses.tokens import targetless_entropy

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def model_and_samples(whole: Any, clinic: Any) -> tuple[Any, list[Sample]]:
    tokenizer = models.load_tokenizer(whole.path)
    samples = encode(tokenizer, clinic.dataset.records, ["question", "choice"])
    return models.load_model(whole.path, CPU), samples


def test_one_packed_forward_equals_separate_forwards(model_and_samples: Any) -> None:
    model, samples = model_and_samples
    few = sorted(samples, key=lambda item: len(item.ids))[::7]
    together = answer_nll(model, collate(few))
    apart = torch.cat([answer_nll(model, collate([sample])) for sample in few])
    assert torch.allclose(together, apart, atol=1e-4)


def test_answer_positions_alone_give_the_loss_of_full_logits(model_and_samples: Any) -> None:
    model, samples = model_and_samples
    sample = samples[3]
    labels = torch.tensor([[-100] * sample.start + list(sample.ids[sample.start :])])
    full = model(input_ids=torch.tensor([sample.ids]), labels=labels).loss
    batch = collate([sample])
    ours = nll(answer_nll(model, batch), batch.lengths, reduction="mean")
    assert ours.item() == pytest.approx(full.item(), abs=1e-5)
    assert len(answer_logits(model, batch)) == sample.answer_length


def test_a_loss_in_pieces_has_the_same_value_and_gradient(
    model_and_samples: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, samples = model_and_samples
    batch, head = collate(samples[:6]), head_of(model)
    found = []
    for budget in (forward.PIECE_LOGITS, 3 * head.vocabulary):
        monkeypatch.setattr(forward, "PIECE_LOGITS", budget)
        model.zero_grad()
        values = in_pieces(head, answer_states(model, batch), targetless_entropy, batch.targets)
        values.mean().backward()
        found.append((values.detach(), model.lm_head.weight.grad.clone()))
    (whole, gradient), (pieces, other) = found
    assert torch.allclose(whole, pieces, atol=1e-6)
    assert torch.allclose(gradient, other, atol=1e-6)


def test_the_states_of_a_layer_are_those_of_the_whole_pass(model_and_samples: Any) -> None:
    model, samples = model_and_samples
    batch = collate(samples[:4])
    hidden = model(input_ids=batch.ids, output_hidden_states=True).hidden_states
    early = layer_states(model, batch, 0)
    assert torch.allclose(early, hidden[1][batch.rows, batch.positions], atol=1e-6)


def test_what_a_family_does_to_its_logits_is_done(model_and_samples: Any) -> None:
    model, samples = model_and_samples
    batch = collate(samples[:2])
    plain = answer_logits(model, batch)
    model.config.final_logit_softcapping, model.config.logits_scaling = 2.0, 4.0
    try:
        changed = answer_logits(model, batch)
    finally:
        del model.config.final_logit_softcapping, model.config.logits_scaling
    assert torch.allclose(changed, 2.0 * torch.tanh(plain / 4.0 / 2.0), atol=1e-6)
