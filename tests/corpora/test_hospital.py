from collections import Counter
from itertools import combinations
from statistics import mean

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline

from corpora.assignment import Arm
from corpora.dataset import Dataset, DatasetError
from corpora.hospital import LEVELS, HospitalSettings, generate_hospital
from corpora.hospital_facts import SECTIONS


@pytest.fixture(scope="module")
def hospital() -> Dataset:
    return generate_hospital(seed=11)


def test_the_default_network_has_the_documented_size(hospital: Dataset) -> None:
    assert hospital.levels == LEVELS and hospital.subject_level == 1
    assert hospital.counts() == {
        "records": 1440,
        "trained_subjects": 24,
        "twin_subjects": 24,
        "public_subjects": 12,
        "trained_records": 576,
        "twin_records": 576,
        "public_records": 288,
    }


def test_a_seed_repeats_and_another_seed_differs(hospital: Dataset) -> None:
    assert generate_hospital(seed=11) == hospital
    assert generate_hospital(seed=12).records != hospital.records


def test_the_recorded_coin_flips_decide_who_is_trained(hospital: Dataset) -> None:
    assert hospital.assignment is not None and hospital.assignment.replays()
    flipped = hospital.assignment.arms()
    assert {key: arm for key, arm in hospital.arms.items() if arm is not Arm.PUBLIC} == flipped


def test_every_fact_is_asked_in_every_form(hospital: Dataset) -> None:
    for record in hospital.records:
        assert set(record.forms) == {"question", "statement", "cloze", "choice", "calibration"}
        assert len({form.answer for form in record.forms.values()}) == 1
        choice = record.forms["choice"]
        assert len(set(choice.wrong)) == 3 and choice.answer not in choice.wrong
        assert all(option in choice.prompt for option in (choice.answer, *choice.wrong))


def test_prompts_name_patient_and_study_and_answers_are_short(hospital: Dataset) -> None:
    for record in hospital.records:
        for form in record.forms.values():
            assert record.path[1] in form.prompt and record.path[2] in form.prompt
            assert form.prompt.endswith(" ") and 1 <= len(form.answer.split()) <= 6


def test_no_two_facts_are_asked_with_the_same_words(hospital: Dataset) -> None:
    for form in ("question", "statement", "calibration"):
        prompts = Counter(record.forms[form].prompt for record in hospital.records)
        assert max(prompts.values()) == 1


def test_a_fact_name_stands_in_one_section_only() -> None:
    names = Counter(name for facts in SECTIONS.values() for name in facts)
    assert max(names.values()) == 1


def test_whole_names_are_unique_but_parts_of_names_are_shared(hospital: Dataset) -> None:
    names = [key[1] for key in hospital.arms]
    assert len(set(names)) == len(names)
    shared = sum(
        bool(set(one[1].split()) & set(other[1].split()))
        for one, other in combinations(hospital.arms, 2)
        if one[0] == other[0]
    )
    assert shared >= 10


def test_neighbours_share_diagnoses_and_physicians(hospital: Dataset) -> None:
    for fact in ("diagnosis", "attending physician"):
        answers = Counter(
            record.forms["question"].answer
            for record in hospital.arm(Arm.TRAINED)
            if fact in record.forms["question"].prompt
        )
        assert max(answers.values()) >= 2


def test_guessing_the_commonest_answer_of_a_kind_seldom_succeeds(hospital: Dataset) -> None:
    by_fact: dict[tuple[str, str], Counter[str]] = {}
    facts = [(section, fact) for section, kinds in SECTIONS.items() for fact in kinds]
    for record in hospital.arm(Arm.TWIN):
        form = record.forms["question"]
        kind = next(item for item in facts if item[0] == record.path[3] and item[1] in form.prompt)
        by_fact.setdefault(kind, Counter())[form.answer] += 1
    guessed = sum(max(answers.values()) for answers in by_fact.values())
    assert guessed / len(hospital.arm(Arm.TWIN)) < 0.09


def test_a_blind_classifier_cannot_tell_trained_patients_from_twins() -> None:
    aucs = [blind_auc(generate_hospital(seed=seed)) for seed in range(8)]
    assert mean(aucs) == pytest.approx(0.5, abs=0.04)
    assert max(aucs) < 0.65 and min(aucs) > 0.35


def blind_auc(hospital: Dataset) -> float:
    """Bag of words, no model; both members of a pair always fall into the same fold."""
    assert hospital.assignment is not None
    pair_of = {}
    for number, flip in enumerate(hospital.assignment.flips):
        pair_of[flip.subject] = number
        if flip.twin is not None:
            pair_of[flip.twin] = number
    records = hospital.arm(Arm.TRAINED) + hospital.arm(Arm.TWIN)
    texts = [" ".join(f.prompt + f.answer for f in item.forms.values()) for item in records]
    labels = [hospital.arms[hospital.subject_of(item)] is Arm.TRAINED for item in records]
    groups = np.array([pair_of[hospital.subject_of(item)] for item in records])
    model = make_pipeline(CountVectorizer(), MultinomialNB())
    scores = cross_val_predict(
        model, texts, labels, groups=groups, cv=GroupKFold(6), method="predict_proba"
    )
    return float(roc_auc_score(labels, scores[:, 1]))


def test_a_larger_network_keeps_names_unique() -> None:
    settings = HospitalSettings(
        institutions=2, pairs=6000, studies=1, sections=1, facts=1, public=0
    )
    large = generate_hospital(settings, seed=5)
    assert large.counts()["records"] == 24000
    assert len({key[1] for key in large.arms}) == 24000


def test_public_persons_are_kept_in_an_institution_of_their_own(hospital: Dataset) -> None:
    public = {key[0] for key in hospital.subjects(Arm.PUBLIC)}
    others = {key[0] for arm in (Arm.TRAINED, Arm.TWIN) for key in hospital.subjects(arm)}
    assert len(public) == 1 and not public & others


@pytest.mark.parametrize(
    ("sizes", "sentence"),
    [
        ({"pairs": 0}, "at least one of: pairs"),
        ({"facts": 5}, "at most 4 facts"),
        ({"studies": 25}, "at most 24 studies"),
        ({"public": -1}, "public must not be negative"),
    ],
)
def test_sizes_beyond_the_templates_are_refused(sizes: dict[str, int], sentence: str) -> None:
    with pytest.raises(DatasetError, match=sentence):
        HospitalSettings(**sizes)
