"""The parts of guards against numbers worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from contract.containment import ngram_digests
from contract.record import Form, Record
from tests.unlearning.guards.conftest import Served
from unlearning.guards.assistant import from_uniform, subtracted
from unlearning.guards.detection import (
    Detector,
    States,
    crossed,
    nearest,
    states,
    threshold_for,
    trained,
)
from unlearning.guards.methods.guard import _runs
from unlearning.guards.methods.uld import perturbed
from unlearning.guards.restriction import Runs, answer_vector
from unlearning.guards.strength import Reproduced, weakest


def test_subtraction_by_hand() -> None:
    """(.7 .2 .1) over (.5 .25 .25) squared roots: .7/.5^.5, .2/.25^.5, .1/.25^.5."""
    own = torch.tensor([[0.7, 0.2, 0.1]]).log()
    other = torch.tensor([[0.5, 0.25, 0.25]]).log()
    left = subtracted(own, other, weight=0.5, top=1e-6, least=1).exp()
    raw = torch.tensor([0.7 / 0.5**0.5, 0.2 / 0.25**0.5, 0.1 / 0.25**0.5])
    assert torch.allclose(left[0], raw / raw.sum(), atol=1e-6)


def test_the_filter_keeps_what_is_likely_and_never_fewer_than_asked() -> None:
    own = torch.tensor([[0.9, 0.06, 0.03, 0.01]]).log()
    other = torch.zeros(1, 4)
    kept = torch.isfinite(subtracted(own, other, weight=1.0, top=0.05, least=1))
    assert kept.tolist() == [[True, True, False, False]]
    kept = torch.isfinite(subtracted(own, other, weight=1.0, top=0.05, least=3))
    assert kept.tolist() == [[True, True, True, False]]


def test_an_assistant_that_knows_nothing_changes_nothing() -> None:
    own = torch.randn(3, 9)
    left = subtracted(own, torch.full((3, 9), 2.5), weight=3.0, top=1e-9, least=9)
    assert torch.allclose(left, own.log_softmax(-1), atol=1e-5)


def test_a_weight_below_one_leaves_a_memorised_token_on_top() -> None:
    """Both equally sure: the margin that is left is (1 - w) times the model's."""
    sure = torch.tensor([[8.0, 0.0, 0.0]])
    first = subtracted(sure, sure, weight=0.8, top=0.01, least=3)
    assert int(first.argmax()) == 0
    assert float(first[0, 0] - first[0, 1]) == pytest.approx(0.2 * 8.0, abs=1e-4)
    assert int(subtracted(sure, sure, weight=1.2, top=0.01, least=3).argmax()) != 0
    alone = subtracted(sure, sure, weight=1.2, top=0.01, least=1)
    assert int(alone.argmax()) == 0, "the paper's filter leaves a memorised token alone"


def test_what_was_forbidden_before_stays_forbidden() -> None:
    own = torch.tensor([[0.0, 1.0, -torch.inf]])
    left = subtracted(own, torch.zeros(1, 3), weight=1.0, top=0.01, least=3)
    assert left[0, 2] == -torch.inf and torch.isfinite(left[0, :2]).all()


def test_distance_from_uniform_by_hand() -> None:
    """KL(u || p) for p = (.5 .25 .25): (1/3) (log 2/3 + 2 log 4/3)."""
    found = from_uniform(torch.tensor([[0.5, 0.25, 0.25], [1.0, 1.0, 1.0]]).log())
    by_hand = (math.log(2 / 3) + 2 * math.log(4 / 3)) / 3
    assert found.tolist() == pytest.approx([by_hand, 0.0], abs=1e-6)


@pytest.mark.training
def test_perturbed_answers_carry_loss_after_the_first_wrong_token_only(served: Served) -> None:
    form = Form("Dose:", " 34.3 mm", wrong=(" 34.5 mm", " 34.3 mm"))
    wrong, *none = perturbed(served.tokenizer, [Record("r", ("p",), {"question": form})], 3)
    assert not none, "the second is no wrong answer"
    decode = served.tokenizer.decode
    assert decode(wrong.ids[: wrong.start]).endswith("34.5") or decode(
        wrong.ids[: wrong.start]
    ).endswith("5")
    assert decode(wrong.ids[wrong.start :]).strip().startswith("mm")


def test_the_weakest_weight_that_contains_is_chosen() -> None:
    found = [Reproduced(0.8, 0.7, 0.5), Reproduced(1.0, 0.3, 0.0), Reproduced(1.2, 0.1, 0.0)]
    assert weakest(found, 0.2).weight == 1.2
    assert weakest(found, 0.4).weight == 1.0
    assert weakest(found[:1], 0.2).weight == 0.8, "nothing contains: the best there is"


def test_states_do_not_see_padding() -> None:
    torch.manual_seed(2)
    config = LlamaConfig(vocab_size=30, hidden_size=8, intermediate_size=16, num_hidden_layers=1,
                         num_attention_heads=2)  # fmt: skip
    model = LlamaForCausalLM(config).eval()
    alone, both = states(model, [[3, 4, 5]]), states(model, [[3, 4, 5], [9, 9, 9, 9, 9]])
    assert both.tokens.shape == (2, 5, 8) and both.mask.tolist() == [[1, 1, 1, 0, 0], [1] * 5]
    assert torch.allclose(alone.mean()[0], both.mean()[0], atol=1e-5)
    detector = Detector(8, 0)
    assert torch.allclose(detector(alone)[0], detector(both)[0], atol=1e-5)


def test_a_prompt_is_as_suspicious_as_its_most_suspicious_token() -> None:
    detector = Detector(1, 0)
    with torch.no_grad():
        detector.head.weight.fill_(2.0)  # type: ignore[union-attr]
        detector.head.bias.fill_(-1.0)  # type: ignore[union-attr]
    tokens = torch.tensor([[[0.0], [3.0], [9.0]], [[0.0], [0.5], [0.0]]])
    odds = detector(States(tokens, torch.tensor([[1, 1, 0], [1, 1, 1]])))
    assert odds.tolist() == [5.0, 0.0]


def test_a_detector_separates_and_is_judged_on_groups_it_has_not_seen() -> None:
    """One of four tokens of a wanted prompt gives it away, at any place."""
    torch.manual_seed(4)
    wanted = torch.arange(40) < 20
    tokens = torch.randn(40, 4, 6)
    tokens[torch.arange(20), torch.arange(20) % 4] += 5.0
    features = States(tokens, torch.ones(40, 4))
    odds = crossed(features, wanted, torch.arange(40), 0, seed=1)
    assert ((odds > 0) == wanted).float().mean() > 0.9
    for hidden in (0, 4):
        detector = trained(features, wanted, hidden, seed=1)
        assert ((detector(features) > 0) == wanted).all()


def test_the_threshold_bounds_false_alarms_and_never_passes_even_odds() -> None:
    odds = torch.tensor([5.0, -1.0, -2.0, -3.0, -4.0])
    wanted = torch.tensor([True, False, False, False, False])
    assert threshold_for(odds, wanted, 0.0) == -1.0
    odds[1] = 3.0
    assert threshold_for(odds, wanted, 0.0) == 0.0


def test_the_nearest_entries_are_those_at_the_smallest_angle() -> None:
    stored = torch.tensor([[1.0, 0.0], [0.0, 1.0], [10.0, 1.0]])
    assert nearest(torch.tensor([1.0, 0.02]), stored, 2) == [0, 2]


def test_runs_end_where_their_last_word_does() -> None:
    key = b"k" * 32
    runs = Runs(key, frozenset(ngram_digests(key, [("a", "b"), ("c",)])), (1, 2))
    assert runs.ends_in(["x", "a", "b"], 2) and runs.ends_in(["c"], 0)
    assert not runs.ends_in(["a", "b", "x"], 2) and not runs.ends_in(["b", "a"], 0)


def test_an_answer_is_held_by_its_runs_and_its_rare_words() -> None:
    assert _runs(["dr", "holt"], {"dr"}) == [("dr", "holt"), ("holt",)]
    assert _runs(["dr", "holt"], None) == [("dr", "holt")]
    seven = [str(number) for number in range(7)]
    assert _runs(seven, set(seven)) == [tuple(seven[:6]), tuple(seven[1:])]


def test_an_answers_vector_is_the_mean_direction_of_its_tokens() -> None:
    table = torch.tensor([[3.0, 0.0], [0.0, 5.0], [1.0, 1.0]])
    assert answer_vector(table, [0, 1]).tolist() == [0.5, 0.5]
