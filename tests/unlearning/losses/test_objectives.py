"""Every objective against the same loss in plain Python, from full logits, one text at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from unlearning import reference
from unlearning.data import Sample
from unlearning.engine import Piece
from unlearning.forgetting import ForgetSettings, Mixture
from unlearning.objectives import WANTED
from unlearning.reference import Hidden, LogProbs, ReferenceCache, Top
from unlearning.registry import gradient

VOCABULARY = 40
TOKENIZER = SimpleNamespace(backend_tokenizer=SimpleNamespace(to_str=lambda: "golden"))
CPU = torch.device("cpu")
Token = tuple[list[float], int]
"""The log-probabilities of the vocabulary at one place, and the true token."""


def model(seed: int) -> Any:
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=2,
        initializer_range=0.4,  # far from uniform, so that losses differ
    )
    return LlamaForCausalLM(config).eval()


def texts(seed: int, lengths: Sequence[int]) -> list[Sample]:
    generator = torch.Generator().manual_seed(seed)
    rows = [torch.randint(VOCABULARY, (3 + n,), generator=generator).tolist() for n in lengths]
    return [Sample(f"{seed}-{i}", "question", tuple(row), 3) for i, row in enumerate(rows)]


def tokens(of: Any, sample: Sample) -> list[Token]:
    with torch.no_grad():
        logits = of(input_ids=torch.tensor([sample.ids])).logits[0].double()
    places = range(sample.start, len(sample.ids))
    return [(logits[i - 1].log_softmax(-1).tolist(), sample.ids[i]) for i in places]


def nll(of: Any, sample: Sample) -> float:
    return -sum(log_p[true] for log_p, true in tokens(of, sample))


class World:
    """A model before and one now, some texts, and what the cache says of the one before."""

    def __init__(self, folder: Path) -> None:
        self.before, self.now = model(1), model(2)
        self.groups = {
            "forget": texts(3, (2, 5, 3)),
            WANTED: texts(4, (4, 1, 3)),
            "retain": texts(5, (3, 3, 6, 1)),
        }
        self.cache = ReferenceCache(folder, "golden", TOKENIZER)
        for samples in self.groups.values():
            for need in (LogProbs(), Top(VOCABULARY)):
                self.cache.fill(self.before, samples, CPU, need)

    def terms(self, name: str, piece: Piece | None = None, **settings: Any) -> dict[str, float]:
        parsed, objective = gradient(name, {"top": VOCABULARY, **settings})
        mixture = Mixture(objective, parsed)
        groups = (
            dict(self.groups) if parsed.retain_term != "none" else {**self.groups, "retain": []}
        )
        found = mixture.terms(self.now, groups, self.cache, piece or Piece())
        return {key: item.item() for key, item in found.items()}

    def token_mean(self, group: str, loss: Callable[[Token], float]) -> float:
        values = [loss(token) for item in self.groups[group] for token in tokens(self.now, item)]
        return sum(values) / len(values)

    def row_mean(self, loss: Callable[[int], float]) -> float:
        return sum(loss(i) for i in range(3)) / 3

    @property
    def kept(self) -> float:
        return self.token_mean("retain", lambda token: -token[0][token[1]])


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("golden"))


def soft(value: float) -> float:
    """Return -log sigmoid(value)."""
    return math.log(1 + math.exp(-value))


def at(token: Token) -> float:
    return token[0][token[1]]


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


@pytest.mark.parametrize("name", ["npo", "wga"])
def test_an_answer_above_its_level_is_left_alone(world: World, name: str) -> None:
    forget = world.groups["forget"]
    costs = [nll(world.now, item) / item.answer_length for item in forget]
    level = sorted(costs)[1] + 1e-3  # two below, one above
    parsed, objective = gradient(name, {"retain_term": "none"})
    groups = {**world.groups, "retain": []}
    gated = Mixture(objective, parsed, {"question": level}).terms(world.now, groups, world.cache)
    kept = [item for item, cost in zip(forget, costs, strict=True) if cost < level]
    alone = Mixture(objective, parsed).terms(world.now, {**groups, "forget": kept}, world.cache)
    counts = (
        (len(kept), 3)
        if name == "npo"
        else tuple(sum(item.answer_length for item in some) for some in (kept, forget))
    )
    share = counts[0] / counts[1]  # the mean still counts all
    assert gated["forget"].item() == pytest.approx(alone["forget"].item() * share, rel=1e-4)


ALL = ["npo", "simnpo", "kl_min", "wga", "ce_u", "undial", "pdu", "dpo", "flat", "idk"]


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("count", [2, 3, 4])
def test_the_pieces_of_a_step_add_up_to_the_step(world: World, name: str, count: int) -> None:
    whole = world.terms(name)
    parts = [world.terms(name, Piece(index, count)) for index in range(count)]
    summed = {key: sum(part.get(key, 0.0) for part in parts) for key in whole}
    assert summed == pytest.approx(whole, abs=1e-4)


@pytest.mark.parametrize("name", ALL)
def test_a_term_can_be_had_alone(world: World, name: str) -> None:
    whole = world.terms(name)
    for key in ("forget", "retain"):
        alone = world.terms(name, Piece(only=key))
        assert alone == pytest.approx({k: v for k, v in whole.items() if k == key}, abs=1e-4)


def test_the_cache_gives_the_states_of_the_model_before(world: World) -> None:
    samples = world.groups["forget"]
    world.cache.fill(world.before, samples, CPU, Hidden(0))
    found = world.cache.hidden(samples, Hidden(0)).split([s.answer_length for s in samples])
    for sample, states in zip(samples, found, strict=True):
        ids = torch.tensor([sample.ids])
        layers = world.before(input_ids=ids, output_hidden_states=True).hidden_states
        assert torch.allclose(states, layers[1][0, sample.start - 1 : -1], atol=1e-5)


def test_an_interrupted_measuring_goes_on_where_it_was(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reference, "MEASURING_BATCH", 1)
    monkeypatch.setattr(reference, "SHELF_BATCHES", 2)
    samples, need = texts(9, (2, 3, 1, 4, 2)), Top(3)
    measured = reference._measured

    def unplugged(of: Any, chunk: Any, *more: Any) -> Any:
        if chunk[0] is samples[3]:
            raise RuntimeError
        return measured(of, chunk, *more)

    with monkeypatch.context() as broken:
        broken.setattr(reference, "_measured", unplugged)
        with pytest.raises(RuntimeError):
            ReferenceCache(tmp_path, "m", TOKENIZER).fill(world.before, samples, CPU, need)
    again = ReferenceCache(tmp_path, "m", TOKENIZER)
    assert again.fill(world.before, samples, CPU, need) == 3
    (tmp_path / "whole").mkdir()
    whole = ReferenceCache(tmp_path / "whole", "m", TOKENIZER)
    whole.fill(world.before, samples, CPU, need)
    for one, other in zip(again.top(samples, need), whole.top(samples, need), strict=True):
        assert torch.equal(one, other)


def test_few_kept_tokens_always_hold_the_true_one(world: World) -> None:
    samples = world.groups["forget"]
    world.cache.fill(world.before, samples, CPU, Top(2))
    kept, log_probs = world.cache.top(samples, Top(2))
    true = [token for sample in samples for token in sample.ids[sample.start :]]
    assert all(token in row for token, row in zip(true, kept.tolist(), strict=True))
    by_hand = [log_p for sample in samples for log_p, _ in tokens(world.before, sample)]
    for row, values, log_p in zip(kept.tolist(), log_probs.tolist(), by_hand, strict=True):
        assert values == pytest.approx([log_p[token] for token in row], abs=1e-4)


def test_settings_without_a_retain_term_read_no_retained_records(world: World) -> None:
    settings = ForgetSettings(retain_term="none")
    _, objective = gradient("gradient_ascent", {})
    assert Mixture(objective, settings).needs("retain") == ()
    assert Mixture(objective, ForgetSettings(retain_term="kl")).needs("retain") == (Top(64),)
