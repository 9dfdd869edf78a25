"""Every objective against the same loss in plain Python, from full logits, one text at a time."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from tests.unlearning.losses.golden import VOCABULARY, Token, World, at, nll, soft, tokens
from unlearning.objectives import WANTED
from unlearning.registry import gradient


def test_ascent_and_its_weighted_kin(world: World) -> None:
    up = world.token_mean("forget", at)
    assert world.terms("gradient_ascent") == pytest.approx({"forget": up}, abs=1e-5)
    both = {"forget": 0.5 * up, "retain": 2 * world.kept}
    found = world.terms("grad_diff", forget_weight=0.5, retain_weight=2.0)
    assert found == pytest.approx(both, abs=1e-5)

    def weighted(token: Token) -> float:
        return math.exp(1.5 * at(token)) * at(token)

    def satimp(token: Token) -> float:
        p = math.exp(at(token))
        return p**2 * (1 - p) ** 0.5 * at(token)

    assert world.terms("wga", beta=1.5)["forget"] == pytest.approx(
        world.token_mean("forget", weighted), abs=1e-5
    )
    found = world.terms("satimp", beta1=2.0, beta2=0.5)
    assert found["forget"] == pytest.approx(world.token_mean("forget", satimp), abs=1e-5)


def test_a_weight_fits_any_loss_of_tokens(world: World) -> None:
    weight = {"kind": "confidence", "beta": 1.5}
    assert world.terms("grad_diff", weight=weight) == world.terms("wga", beta=1.5)


def test_kl_min_keeps_near_the_model_before_on_answers_alone(world: World) -> None:
    pairs = [
        (old, new)
        for item in world.groups["retain"]
        for (old, _), (new, _) in zip(
            tokens(world.before, item), tokens(world.now, item), strict=True
        )
    ]
    far = [sum(math.exp(a) * (a - b) for a, b in zip(old, new, strict=True)) for old, new in pairs]
    found = world.terms("kl_min")
    assert found["retain"] == pytest.approx(sum(far) / len(far), rel=1e-3)
    assert found["forget"] == pytest.approx(world.token_mean("forget", at), abs=1e-5)


def test_npo_with_either_reduction(world: World) -> None:
    forget = world.groups["forget"]
    moved = [nll(world.now, item) - nll(world.before, item) for item in forget]
    by_sum = world.row_mean(lambda i: 20 * soft(0.1 * moved[i]))
    found = world.terms("npo", forget_weight=1.0)
    assert found == pytest.approx({"forget": by_sum, "retain": world.kept}, abs=1e-4)
    by_mean = world.row_mean(lambda i: 20 * soft(0.1 * moved[i] / forget[i].answer_length))
    found = world.terms("npo", forget_weight=1.0, reduction="mean")
    assert found["forget"] == pytest.approx(by_mean, abs=1e-4)


def test_loku_weighted_or_not(world: World) -> None:
    def hinge(token: Token) -> float:
        rivals = [p for i, p in enumerate(token[0]) if i != token[1]]
        return 1 + math.exp(at(token)) - math.exp(max(rivals))

    found = world.terms("loku")
    assert found["forget"] == pytest.approx(world.token_mean("forget", hinge), abs=1e-5)
    found = world.terms("loku", weight={"kind": "confidence", "beta": 1.0})
    by_hand = world.token_mean("forget", lambda token: math.exp(at(token)) * hinge(token))
    assert found["forget"] == pytest.approx(by_hand, abs=1e-5)


def test_simnpo(world: World) -> None:
    forget = world.groups["forget"]
    each = [nll(world.now, item) / item.answer_length for item in forget]
    by_hand = world.row_mean(lambda i: 0.8 * soft(2.5 * (each[i] - 0.7)))
    found = world.terms("simnpo", beta=2.5, delta=0.7)
    assert found["forget"] == pytest.approx(by_hand, abs=1e-5)


@pytest.mark.parametrize("name", ["dpo", "alt_po"])
def test_a_preference_is_for_the_wanted_answers(world: World, name: str) -> None:
    def moved(group: str, i: int) -> float:
        item = world.groups[group][i]
        return nll(world.now, item) - nll(world.before, item)

    by_hand = world.row_mean(lambda i: 10 * soft(0.2 * (moved("forget", i) - moved(WANTED, i))))
    assert world.terms(name, beta=0.2)["forget"] == pytest.approx(by_hand, rel=1e-4)


def test_idk_trains_the_neutral_answers_and_never_reads_the_true_ones(world: World) -> None:
    by_hand = world.token_mean(WANTED, lambda token: -at(token))
    found = world.terms("idk")
    assert found == pytest.approx({"forget": by_hand, "retain": world.kept}, abs=1e-5)
    _, objective = gradient("idk", {})
    assert "forget" not in objective.groups


def test_ce_u_leaves_out_the_first_token_of_each_answer(world: World) -> None:
    def one(token: Token) -> float:
        log_p, true = token
        rest = 1 - math.exp(log_p[true])
        return -sum(math.exp(p) / rest * p for i, p in enumerate(log_p) if i != true)

    later = [one(token) for item in world.groups["forget"] for token in tokens(world.now, item)[1:]]
    assert world.terms("ce_u")["forget"] == pytest.approx(sum(later) / len(later), abs=1e-5)
    found = world.terms("ce_u", skip_first=False)
    assert found["forget"] == pytest.approx(world.token_mean("forget", one), abs=1e-5)


def test_undial_lowers_the_true_tokens_of_the_model_before(world: World) -> None:
    losses = []
    for item in world.groups["forget"]:
        pairs = zip(tokens(world.before, item), tokens(world.now, item), strict=True)
        for (old, true), (new, _) in pairs:
            wanted = [math.exp(p - 4.0 * (i == true)) for i, p in enumerate(old)]
            losses.append(-sum(q * p for q, p in zip(wanted, new, strict=True)) / sum(wanted))
    by_hand = sum(losses) / len(losses)
    assert world.terms("undial", beta=4.0)["forget"] == pytest.approx(by_hand, rel=1e-4)


def test_pdu_flattens_logits(world: World) -> None:
    # A log-probability is its logit less a constant, which the distance does not see.
    by_hand = world.token_mean(
        "forget", lambda token: (max(token[0]) - sum(token[0]) / VOCABULARY) ** 2
    )
    found = world.terms("pdu", forget_weight=1.0, constraint={"start": 3.0})
    assert found == pytest.approx({"forget": by_hand, "retain": 3 * world.kept}, rel=1e-4)


@pytest.mark.parametrize(
    ("divergence", "loss"),
    [
        ("kl", lambda wanted, true: math.exp(true - 1) - wanted),
        ("total_variation", lambda wanted, true: (math.tanh(true) - math.tanh(wanted)) / 2),
    ],
)
def test_flat_compares_mean_probabilities_of_answers(
    world: World, divergence: str, loss: Callable[[float, float], float]
) -> None:
    def likely(group: str, i: int) -> float:
        found = [math.exp(at(token)) for token in tokens(world.now, world.groups[group][i])]
        return sum(found) / len(found)

    by_hand = world.row_mean(lambda i: loss(likely(WANTED, i), likely("forget", i)))
    found = world.terms("flat", divergence=divergence)
    assert found["forget"] == pytest.approx(by_hand, abs=1e-6)
