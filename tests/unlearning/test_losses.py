from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from unlearning import models
from unlearning.data import Sample, collate, encode
from unlearning.losses import answer_logits, answer_nll, distillation, nll, npo

CPU = torch.device("cpu")


def tensor(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def test_npo_at_the_reference_is_two_over_beta_times_log_two() -> None:
    sums, lengths = tensor(3.0, 7.0), tensor(2, 4)
    value = npo(sums, sums, lengths, beta=0.1, reduction="sum")
    assert value.item() == pytest.approx(20 * math.log(2), abs=1e-12)


def test_npo_takes_the_difference_of_sequence_sums() -> None:
    # By hand: beta = 0.5, differences 2 and 4, so -(2 / 0.5) * log sigmoid(1 and 2), mean.
    by_hand = (4 * math.log(1 + math.exp(-1)) + 4 * math.log(1 + math.exp(-2))) / 2
    value = npo(tensor(5.0, 5.0), tensor(3.0, 1.0), tensor(2, 4), beta=0.5, reduction="sum")
    assert value.item() == pytest.approx(by_hand, abs=1e-12)
    assert value.item() == pytest.approx(0.8803796, abs=1e-6)


def test_npo_by_mean_divides_by_the_answer_lengths() -> None:
    by_hand = 4 * math.log(1 + math.exp(-0.5))  # both differences become 1
    value = npo(tensor(5.0, 5.0), tensor(3.0, 1.0), tensor(2, 4), beta=0.5, reduction="mean")
    assert value.item() == pytest.approx(by_hand, abs=1e-12)


def test_the_gradient_of_npo_fades_once_a_sample_is_unlikely() -> None:
    for difference, weight in ((0.0, 1.0), (50.0, 2 / (1 + math.exp(5)))):
        sums = tensor(10.0 + difference).requires_grad_()
        npo(sums, tensor(10.0), tensor(1), beta=0.1).backward()
        assert sums.grad is not None
        assert sums.grad.item() == pytest.approx(-weight, rel=1e-9)


def test_nll_has_two_reductions_and_they_differ() -> None:
    sums, lengths = tensor(2.0, 12.0), tensor(2, 4)
    assert nll(sums, lengths, reduction="sum").item() == pytest.approx(7.0)
    assert nll(sums, lengths, reduction="mean").item() == pytest.approx(14 / 6)


def test_distillation_from_itself_is_zero() -> None:
    logits = torch.randn(5, 11, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    values, kept = logits.log_softmax(-1).topk(4)
    assert distillation(logits, kept, values.float()).item() == pytest.approx(0.0, abs=1e-6)


def test_distillation_over_all_tokens_is_the_full_divergence() -> None:
    generator = torch.Generator().manual_seed(1)
    teacher, student = torch.randn(2, 6, 9, generator=generator)
    values, kept = teacher.log_softmax(-1).topk(9)
    full = torch.nn.functional.kl_div(
        student.log_softmax(-1), teacher.log_softmax(-1), log_target=True, reduction="batchmean"
    )
    assert distillation(student, kept, values).item() == pytest.approx(full.item(), abs=1e-5)
    fewer = distillation(student, kept[:, :3], values[:, :3])
    assert 0 < fewer.item() < full.item()


@pytest.fixture(scope="module")
def model_and_samples(whole: Any, clinic: Any) -> tuple[object, list[Sample]]:
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
