"""The formulas of the closed-form edits against numbers worked out by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from contract.record import Form, Record
from contract.result import ErrorCode, JobError
from tests.verification import tiny
from unlearning.anatomy import Site, mlp_sites, sample_means, second_moments
from unlearning.data import Sample
from unlearning.editing import EditSettings, Look, Search
from unlearning.edits.chip import basis, families, neurons, project
from unlearning.edits.concept_vectors import Location, carried, given, log_odds
from unlearning.edits.rocr import named, update
from unlearning.edits.selective_dampening import Settings, factor
from verification.families.causal_lm import CausalLM

CPU = torch.device("cpu")


def site(weight: list[list[float]], bias: list[float], *, turned: bool = False) -> Site:
    """Return a site with the given weight [out, in], stored transposed if ``turned``."""
    values = torch.tensor(weight)
    module: nn.Module = Conv1D(*values.shape) if turned else nn.Linear(*values.T.shape)
    module.weight.data = values.T.contiguous() if turned else values  # type: ignore[union-attr]
    module.bias.data = torch.tensor(bias)  # type: ignore[union-attr]
    return Site("mlp", module.requires_grad_(requires_grad=False), 0, value=True)


@pytest.mark.parametrize("turned", [False, True])
def test_the_projection_takes_a_direction_out_of_the_chosen_rows(turned: bool) -> None:  # noqa: FBT001
    place = site([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], [1.0, 1.0, 1.0], turned=turned)
    span = torch.tensor([[0.6], [0.8]])
    project(place, torch.tensor([0, 2]), span, 1.0)
    # Q^T W[S] = .6*(1, 2) + .8*(5, 6) = (4.6, 6); rows less .6 and .8 times that.
    expected = torch.tensor([[1 - 2.76, 2 - 3.6], [3.0, 4.0], [5 - 3.68, 6 - 4.8]])
    torch.testing.assert_close(place.weight, expected)
    # Q^T b[S] = 1.4.
    torch.testing.assert_close(place.module.bias, torch.tensor([1 - 0.84, 1.0, 1 - 1.12]))
    torch.testing.assert_close(span.T @ place.weight[[0, 2]], torch.zeros(1, 2), atol=1e-6, rtol=0)


def test_half_a_projection_takes_half_of_it_out() -> None:
    place = site([[2.0], [0.0]], [0.0, 0.0])
    project(place, torch.tensor([0, 1]), torch.tensor([[1.0], [0.0]]), 0.5)
    torch.testing.assert_close(place.weight, torch.tensor([[1.0], [0.0]]))


def test_as_many_singular_directions_are_kept_as_hold_the_variance() -> None:
    directions = torch.tensor([[3.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    # Squares 9 and 1: the first alone holds 90 %.
    assert basis(directions, 0.90).shape == (3, 1)
    assert basis(directions, 0.95).shape == (3, 2)
    torch.testing.assert_close(basis(directions, 0.5).abs(), torch.tensor([[1.0], [0.0], [0.0]]))


def test_the_neurons_are_those_that_the_forget_samples_excite_more() -> None:
    forget = torch.tensor([[5.0, -9.0, 1.0, 0.0], [5.0, 9.0, 1.0, 0.0]])
    retain = torch.tensor([[4.0, 1.0, 1.0, 3.0]])
    # Excess of the mean size: 1, 8, 0, -3.
    assert neurons(forget, retain, 0.5).tolist() == [0, 1]
    assert neurons(forget, retain, 0.01).tolist() == [1]


def test_siblings_are_the_retained_records_under_the_nearest_ancestor() -> None:
    def record(name: str, *path: str) -> Record:
        return Record(name, path)

    gone = [record("a", "clinic", "ada", "ct"), record("b", "clinic", "bob", "mri")]
    kept = [record("c", "clinic", "ada", "mri"), record("d", "clinic", "eve", "ct")]
    ct, mri = families(gone, kept)
    assert (ct.own, ct.siblings) == ({"a"}, {"c"})
    assert (mri.own, mri.siblings) == ({"b"}, {"c", "d"})
    with pytest.raises(JobError, match="hierarchy") as error:
        families(gone, [record("e", "elsewhere", "eve", "ct")])
    assert error.value.code is ErrorCode.DATA_MISSING


def test_the_rank_one_update_maps_the_key_to_its_value_and_spares_what_is_kept() -> None:
    key, missing = torch.tensor([[1.0], [1.0]]), torch.tensor([[2.0], [0.0], [4.0]])
    # C = I: Delta = r k^T / k^T k = r (1, 1) / 2.
    plain = update(key, missing, None, 0.01)
    torch.testing.assert_close(plain, torch.tensor([[1.0, 1.0], [0.0, 0.0], [2.0, 2.0]]))
    # C = diag(3, 1), no ridge: C^-1 k = (1/3, 1), k^T C^-1 k = 4/3, so Delta = r (1, 3) / 4.
    kept = update(key, missing, torch.diag(torch.tensor([3.0, 1.0])), 1e-12)
    torch.testing.assert_close(kept, torch.tensor([[0.5, 1.5], [0.0, 0.0], [1.0, 3.0]]))
    torch.testing.assert_close(kept @ key, missing)
    assert torch.linalg.matrix_rank(kept) == 1


def test_several_names_are_mapped_at_once() -> None:
    keys = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
    missing = torch.randn(4, 3, generator=torch.Generator().manual_seed(1))
    change = update(keys, missing, torch.eye(6), 0.1)
    torch.testing.assert_close(change @ keys, missing, atol=1e-5, rtol=1e-5)
    assert torch.linalg.matrix_rank(change) == 3


def test_a_name_is_the_highest_node_that_all_prompts_hold() -> None:
    path = ("clinic", "Ada Ek", "ct")
    forms = {"q": Form("What has Ada Ek in the ct?", "x"), "s": Form("Ada Ek, ct: ", "x")}
    assert named([Record("a", path, forms)]) == ("Ada Ek",)
    with pytest.raises(JobError, match="setting names"):
        named([Record("a", path, {"q": Form("What is it?", "x")})])


def test_dampening_follows_the_ratio_of_importances_where_it_is_large() -> None:
    own, everyone = torch.tensor([40.0, 19.0, 8.0, 0.0]), torch.tensor([1.0, 1.0, 4.0, 0.0])
    # alpha 10 / strength .5 = 20: only the first; factor (2 * 1 / 40)^0.5.
    settings = Settings(selection=10, dampening=2, exponent=0.5)
    torch.testing.assert_close(
        factor(own, everyone, settings, 0.5), torch.tensor([0.05**0.5, 1.0, 1.0, 1.0])
    )
    # alpha 1: 40, 19 and 8 are above; 2 * 4 / 8 = 1 shrinks nothing.
    torch.testing.assert_close(
        factor(own, everyone, Settings(selection=1, dampening=2), 1.0),
        torch.tensor([0.05, 2 / 19, 1.0, 1.0]),
    )


def test_log_odds_are_those_of_the_true_token() -> None:
    logits = torch.tensor([[0.25, 0.5, 0.25]]).log()
    torch.testing.assert_close(log_odds(logits, torch.tensor([0])), torch.tensor([1 / 3]).log())


@pytest.mark.parametrize("family", ["llama", "gpt2", "qwen2", "qwen3_moe"])
def test_what_a_column_carries_is_what_its_removal_takes_away(family: str) -> None:
    held = CausalLM("", tiny.model(family), tiny.tokenizer(eos_token="<end>"), CPU)
    samples = [Sample("a", "q", (5, 6, 7, 8, 9, 10), 3), Sample("b", "q", (9, 8, 7, 6), 2)]

    def odds() -> float:
        found = [
            log_odds(held.model(torch.tensor([item.ids])).logits[0, item.start - 1 : -1], target)
            for item in samples
            for target in [torch.tensor(item.ids[item.start :])]
        ]
        return float(torch.cat(found).mean())

    scores = carried(held, samples)
    name = max(scores, key=lambda key: float(scores[key].abs().max()))
    unit = int(scores[name].abs().argmax())
    with torch.no_grad():
        column = held.value_matrices()[name][unit]
        before, small = odds(), column / 64
        column.sub_(small)
        lost = before - odds()
        column.add_(small)
    assert lost * 64 == pytest.approx(float(scores[name][unit]), rel=0.1)
    assert not any(item.requires_grad for key, item in held.value_matrices().items() if key == name)


def test_locations_are_counted_by_layer_unit_and_expert() -> None:
    dense = CausalLM("", tiny.model("gpt2"), None, CPU).value_matrices()
    ((name, unit),) = given(dict(dense), [Location(1, 5)])
    assert ".1." in name and unit == 5
    mixed = CausalLM("", tiny.model("qwen3_moe"), None, CPU).value_matrices()
    ((name, _),) = given(dict(mixed), [Location(0, 2, expert=3)])
    assert ".0." in name and name.endswith("[3]")
    for wrong in (Location(9, 0), Location(0, 10_000), Location(0, 0, expert=1)):
        with pytest.raises(JobError, match="no single MLP column"):
            given(dict(dense), [wrong])


@pytest.mark.parametrize("family", ["llama", "gpt2", "qwen2", "gemma", "phi", "neox", "opt"])
def test_sites_are_the_mlps_layers_as_out_by_in(family: str) -> None:
    model = tiny.model(family)
    sites = mlp_sites(model)
    values = [item for item in sites if item.value]
    assert [item.layer for item in values] == list(range(tiny.LAYERS))
    assert {tuple(item.weight.shape) for item in values} == {(tiny.HIDDEN, tiny.INNER)}
    samples = [Sample("a", "q", (5, 6, 7, 8), 2), Sample("b", "q", (9, 8), 1)]
    means = sample_means(model, samples, sites, "output", CPU)
    assert {item.shape for name, item in means.items() if name == values[0].name} == {
        torch.Size([2, tiny.HIDDEN])
    }
    alone = sample_means(model, samples[1:], sites, "output", CPU)
    for name, item in alone.items():  # padding is not counted
        torch.testing.assert_close(item[0], means[name][1], atol=1e-5, rtol=1e-5)
    moments = second_moments(model, samples, values, CPU)
    assert {tuple(item.shape) for item in moments.values()} == {(tiny.INNER, tiny.INNER)}


def test_a_mixture_with_its_experts_in_one_tensor_has_only_shared_sites() -> None:
    assert mlp_sites(tiny.model("mixtral")) == []
    shared = mlp_sites(tiny.model("qwen2_moe"))
    assert shared and all("shared_expert" in item.name for item in shared)


def ranks(slope: float) -> Search:
    """Return a search on a model whose rank falls and whose loss grows with the strength."""

    def read(strength: float) -> Look:
        return Look(strength, 1 - strength, 0.0, slope * strength)

    return Search(EditSettings(tolerance=0.01, collapse=0.5, looks=12), read)


def test_the_search_lands_where_records_look_never_trained() -> None:
    best = ranks(0.1).run()
    assert best is not None and best.strength == pytest.approx(0.5, abs=0.02)


def test_the_search_stops_short_of_what_costs_too_much() -> None:
    best = ranks(2.0).run()  # more than .25 costs more than .5
    assert best is not None and 0.2 < best.strength <= 0.25


def test_a_full_strength_that_is_too_weak_is_not_searched_below() -> None:
    search = Search(EditSettings(), lambda strength: Look(strength, 0.9, 0.0, 0.0))
    best = search.run()
    assert best is not None and best.strength == 1.0 and len(search.looks) == 1
