"""What attacks do to a model: exactly what they say, and nothing to the model they were given."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from contract.record import Form
from contract.result import JobError
from tests.verification.town import Town, fresh
from verification.attacks import average, gcg, perturb, soft_prompt
from verification.attacks.prompted import with_vectors, with_words
from verification.attacks.relearn import Relearning, answer_loss, batch_order, relearn
from verification.attacks.tuning import inside
from verification.families.causal_lm import CausalLM
from verification.lessons import KINDS, Teaching, lessons_of
from verification.registry import attacks
from verification.signals import Signals
from verification.smalltalk import smalltalk
from verification.spec import Context

FORM = Form("what k1 of f2 l3 ?", "w5 w6 .")
TEACHING = Teaching(twins_per_seed=2, twin_subjects=3, records=20, topic_records=6)


@pytest.fixture(scope="module")
def blank() -> CausalLM:
    return fresh("blank", 0)


@pytest.fixture
def context(tmp_path: Path, blank: CausalLM) -> Context:
    """Return a request in a town whose models know nobody yet."""
    town = Town(trained=4, twins=4, models={"original": fresh("original", 1)})
    return town.context(tmp_path, blank)


def weights(model: CausalLM) -> list[torch.Tensor]:
    return [item.clone() for item in model.model.parameters()]


def test_the_loss_that_is_trained_on_is_the_plain_one_of_answer_tokens(blank: CausalLM) -> None:
    batch = [blank.encode(FORM, end=True), blank.encode(Form("what k2 ?", "w1 ."), end=True)]
    losses = []
    for item in batch:
        with torch.no_grad():
            logits = blank.model(torch.tensor([item.ids])).logits[0, item.start - 1 : -1]
        wanted = torch.tensor(item.answer)
        losses.append(functional.cross_entropy(logits, wanted, reduction="none"))
    torch.testing.assert_close(answer_loss(blank, batch).detach(), torch.cat(losses).mean())


def test_every_text_is_learned_once_an_epoch_among_others_of_its_length() -> None:
    lengths = [5, 30, 6, 31, 5, 32, 7, 33]
    order = batch_order(lengths, 2, torch.Generator().manual_seed(0))
    epoch = [next(order) for _ in range(4)]
    assert Counter(index for batch in epoch for index in batch) == Counter(range(8))
    assert all(abs(lengths[one] - lengths[two]) < 4 for one, two in epoch)
    assert [next(order) for _ in range(4)] != epoch


@pytest.mark.parametrize("rank", [0, 4])
def test_further_training_learns_in_a_copy_that_is_an_ordinary_model(
    blank: CausalLM, rank: int
) -> None:
    before, sample = weights(blank), blank.encode(FORM, end=True)
    how = Relearning((2, 12), batch=2, seed=0, learning_rate=2e-2, rank=rank)
    seen = []
    for mark, model in relearn(blank, [sample], how, "run"):
        seen.append((mark, model.key, float(answer_loss(model, [sample]).detach())))
        names = [name for name, _ in model.model.named_parameters()]
        assert names == [name for name, _ in blank.model.named_parameters()]
    assert [(mark, key) for mark, key, _ in seen] == [(2, "run+2"), (12, "run+12")]
    first = float(answer_loss(blank, [sample]).detach())
    assert seen[1][2] < seen[0][2] < first
    assert all(torch.equal(one, two) for one, two in zip(before, weights(blank), strict=True))


def test_a_model_in_half_precision_is_trained_in_full(blank: CausalLM) -> None:
    """Steps of 1e-5 are below bfloat16's resolution: the attack would do nothing."""
    half = blank.copied("half")
    half.model.to(torch.bfloat16)
    sample = half.encode(FORM, end=True)
    how = Relearning((20,), batch=1, seed=0, learning_rate=1e-5)
    ((_, model),) = relearn(half, [sample], how, "run")
    moved = [
        not torch.equal(one.float(), two)
        for one, two in zip(weights(half), weights(model), strict=True)
    ]
    assert all(item.dtype == torch.float32 for item in model.model.parameters())
    assert np.mean(moved) > 0.9


def test_the_person_and_the_twins_learn_the_same_share_of_their_facts(context: Context) -> None:
    lessons = lessons_of(context, "forget", TEACHING)
    trained: set[str] = set()
    for lesson in lessons:
        prompts = {form.prompt for form in lesson.train}
        groups = [context.records.forget, *context.records.twin_subjects]
        shares = [
            np.mean([record.forms["question"].prompt in prompts for record in group])
            for group in groups
        ]
        assert shares[0] == 0.25 and sorted(shares[1:]) == [0, 0, 0.25, 0.25]
        asked = {record.id for record in lesson.forget}
        own = {record.id for record in context.records.forget} - asked
        assert not own & trained, "every seed trains on another quarter"
        trained |= own
        assert lesson.asked is not None and asked <= lesson.asked and not own & lesson.asked


def test_the_other_lessons_hold_nothing_of_the_person_or_the_twins(context: Context) -> None:
    records = (*context.records.forget, *context.records.twins)
    private = {record.forms["question"].prompt for record in records}
    for kind in KINDS[1:]:
        for lesson in lessons_of(context, kind, TEACHING):
            assert lesson.train and not private & {form.prompt for form in lesson.train}
            assert lesson.forget == context.records.forget and lesson.asked is None
    topics = lessons_of(context, "topic", TEACHING)[0]
    kinds = {form.prompt.split()[1] for form in topics.train}
    assert kinds <= {
        record.forms["question"].prompt.split()[1] for record in context.records.forget
    }


def test_without_retained_records_there_is_no_lesson_and_a_sentence(context: Context) -> None:
    object.__setattr__(context.records, "neighbours", ())
    object.__setattr__(context.records, "retain", ())
    with pytest.raises(JobError, match="no retained records"):
        lessons_of(context, "topic", TEACHING)


def test_small_talk_is_true_and_follows_from_its_seed() -> None:
    talk = smalltalk(60, np.random.default_rng(3))
    assert (
        talk == smalltalk(60, np.random.default_rng(3)) != smalltalk(60, np.random.default_rng(4))
    )
    sums = [form for form in talk if " plus " in form.prompt]
    assert sums
    for form in sums:
        one, two = (int(word) for word in form.prompt.rstrip("? ").split() if word.isdigit())
        assert form.answer == str(one + two)


def test_words_and_vectors_around_a_prompt_are_only_read(blank: CausalLM) -> None:
    plain = blank.encode(FORM)
    wordy = with_words(blank, (7, 8), "wordy")
    assert wordy.encode(FORM).ids == (*plain.ids[: plain.start], 7, 8, *plain.answer)
    assert wordy.encode(FORM).answer == plain.answer
    # A vector that is a token's embedding acts as that token would.
    known = blank.model.get_input_embeddings().weight
    behind = with_vectors(blank, known[[7, 8]].detach(), "behind")
    ids, mask = torch.tensor([[7, 8, *plain.ids]]), torch.ones(1, len(plain.ids) + 2).long()
    with torch.inference_mode():
        direct = blank.logits(ids, mask)
        virtual = behind.logits(torch.tensor([behind.encode(FORM).ids]), mask)
    torch.testing.assert_close(direct, virtual)
    assert Signals().write(behind, {0: FORM.prompt})[0] == blank.decode(
        blank.continued([(7, 8, *blank.encode_prompt(FORM.prompt).ids)], 24)[0]
    )


def test_the_gradient_of_an_exchange_is_that_of_its_embedding(blank: CausalLM) -> None:
    model = with_words(blank, (7, 8), "wordy")
    scores = gcg.exchange_scores(model, [FORM])
    assert scores.shape == (2, blank.vocabulary)
    known = blank.model.get_input_embeddings().weight.detach()
    # The change of the loss along the direction towards a token's embedding, by differences.
    item, small = model.encode(FORM, end=True), 1e-2
    losses = []
    for sign in (-1, 1):
        vectors = known[[7, 8]].clone()
        vectors[1] += sign * small * (known[20] - known[8])
        head = with_vectors(blank, vectors, "moved")
        size = len(known)
        ids = (*item.ids[: item.start - 2], size, size + 1, *item.answer)
        losses.append(float(answer_loss(head, [type(item)(ids, item.start)]).detach()))
    slope = (losses[1] - losses[0]) / (2 * small)
    assert float(scores[1, 8] - scores[1, 20]) == pytest.approx(slope, rel=0.05, abs=1e-3)


def test_a_suffix_is_only_exchanged_for_one_that_helps(context: Context, blank: CausalLM) -> None:
    lesson = lessons_of(context, "forget", TEACHING)[0]
    losses = []
    for steps in (0, 6):
        settings = gcg.Settings(words=2, steps=steps, tries=16, batch=100)
        model = gcg.with_suffix(blank, lesson, settings, Signals())
        losses.append(float(gcg.suffix_losses(blank, [model.after], lesson.train, "-")[0]))
        assert 0 not in model.after, "special tokens are no words"
    assert losses[1] < losses[0]
    each = [answer_loss(model, [model.encode(form, end=True)]).item() for form in lesson.train]
    sizes = [len(blank.encode(form, end=True).answer) for form in lesson.train]
    total = sum(loss * size for loss, size in zip(each, sizes, strict=True))
    assert losses[1] == pytest.approx(total, rel=1e-4)


def test_pushes_and_prefixes_lower_the_loss_within_their_bounds_and_share_the_weights(
    context: Context, blank: CausalLM
) -> None:
    before, lesson = weights(blank), lessons_of(context, "forget", TEACHING)[0]
    samples = lesson.samples(blank)
    plain = float(answer_loss(blank, samples).detach())
    settings = perturb.Settings(steps=12, rate=0.2, radius=0.5)
    for label in (perturb.EMBEDDING, perturb.LATENT):
        pushed = perturb.perturbed(blank, label, lesson, settings, Signals())
        assert float(answer_loss(pushed, samples).detach()) < plain
        assert next(pushed.model.parameters()) is next(blank.model.parameters())
    how = soft_prompt.Settings(vectors=2, steps=12)
    behind = soft_prompt.soft_prompted(blank, lesson, how, Signals())
    assert float(answer_loss(behind, lesson.samples(behind)).detach()) < plain
    assert float(answer_loss(blank, samples).detach()) == pytest.approx(plain)
    assert all(torch.equal(one, two) for one, two in zip(before, weights(blank), strict=True))
    assert all(item.grad is None for item in blank.model.parameters())
    assert float(inside(torch.tensor([3.0, 4.0]), 1.0).norm()) == pytest.approx(1.0)


def test_mixing_goes_from_the_candidate_to_the_original(context: Context) -> None:
    found = {
        item.label: item.model
        for item in average.average.run(context, average.Settings(shares=(0.25, 1.0)))
    }
    quarter = zip(
        weights(found["average-25"]),
        weights(context.candidate),
        weights(context.original),
        strict=True,
    )
    for mixed, new, old in quarter:
        torch.testing.assert_close(mixed, 0.75 * new + 0.25 * old)
    assert all(
        torch.allclose(one, two)
        for one, two in zip(weights(found["average-100"]), weights(context.original), strict=True)
    )


def test_every_attack_yields_the_labels_it_is_asked_for_and_honest_controls(
    context: Context,
) -> None:
    wanted = frozenset({"quantise-int4", "prune-20", "relearn-forget-lora-16", "soft-prompt"})
    asking = type(context)(**{**vars(context), "wanted": wanted})
    labels = {}
    for name in ("quantise", "prune", "relearn", "soft_prompt"):
        item = attacks()[name]
        for tampered in item.run(asking, item.settings.validate_python({})):
            labels[tampered.label] = tampered
            assert item.makes(tampered.label)
    assert set(labels) == wanted
    after = context.under(labels["relearn-forget-lora-16"]).records
    assert len(after.forget) == 9 and {len(group) for group in after.twin_subjects} == {9}
    assert context.under(labels["prune-20"]).records == context.records
