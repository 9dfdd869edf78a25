"""From a person to every model version that holds them, through parents, children and erasures."""

from __future__ import annotations

import pytest

from expunge.common.errors import DomainError, InvalidInputError, NotFoundError
from expunge.common.models import ImmutableError
from expunge.registry.models import Arm, DatasetVersion, ModelVersion, ScopeNode
from expunge.registry.selectors import (
    lineage,
    models_visible,
    records_held,
    scope_children,
    scope_search,
    versions_touched,
)
from expunge.registry.services import model_register, model_version_register
from tests.expunge.conftest import Register, RegisterVersion
from tests.expunge.factories import SYSTEM, People, clinic, leaves, recipe


def named(version: DatasetVersion, label: str) -> ScopeNode:
    (node,) = scope_search(SYSTEM, version.dataset_id, label)
    return node


def held(version: ModelVersion, node: ScopeNode) -> int:
    below = {"node__path__gte": node.path, "node__path__lt": f"{node.path}/"}
    return records_held(version).filter(**below).count()


def test_a_version_trained_on_a_person_is_touched(original: ModelVersion, erika: ScopeNode) -> None:
    assert versions_touched([erika]) == (original,)
    assert held(original, erika) == 4


def test_a_twin_is_in_no_model(original: ModelVersion, patients: DatasetVersion) -> None:
    assert versions_touched([named(patients, "Anna Zwilling")]) == ()


def test_a_part_of_a_person_touches_the_same_versions(
    original: ModelVersion, erika: ScopeNode
) -> None:
    for node in scope_children(SYSTEM, erika.dataset_id, erika.pk):
        assert versions_touched([node]) == (original,)


def test_no_node_touches_no_version(original: ModelVersion) -> None:
    assert versions_touched([]) == ()


def test_descendants_are_touched_too(
    original: ModelVersion, erika: ScopeNode, register_version: RegisterVersion, cast: People
) -> None:
    other = model_register(actor=cast.carol, controller_id=cast.controller.pk, name="offshoot")
    child = register_version(parent=original)
    grandchild = register_version(model=other, parent=child)
    assert set(versions_touched([erika])) == {original, child, grandchild}


def test_an_erasure_frees_the_version_and_its_descendants_but_nobody_else(
    original: ModelVersion, erika: ScopeNode, register_version: RegisterVersion
) -> None:
    clean = register_version(parent=original, erased=[erika], method="npo", effect="removal")
    beside = register_version(parent=original)
    below = register_version(parent=clean)
    assert set(versions_touched([erika])) == {original, beside}
    assert held(clean, erika) == held(below, erika) == 0
    max_ = named_sibling(erika)
    assert set(versions_touched([max_])) == {original, clean, beside, below}


def named_sibling(node: ScopeNode) -> ScopeNode:
    (found,) = scope_search(SYSTEM, node.dataset_id, "Max Beispiel")
    return found


def test_an_erased_part_leaves_the_rest_held(
    original: ModelVersion, erika: ScopeNode, register_version: RegisterVersion
) -> None:
    first, second = scope_children(SYSTEM, erika.dataset_id, erika.pk)
    half = register_version(parent=original, erased=[first])
    assert versions_touched([first]) == (original,)
    assert versions_touched([erika]) == (original, half)
    assert held(half, erika) == 2
    whole = register_version(parent=half, erased=[second])
    assert versions_touched([erika]) == (original, half)
    assert held(whole, erika) == 0


def test_erasing_a_person_covers_each_of_their_parts(
    original: ModelVersion, erika: ScopeNode, register_version: RegisterVersion
) -> None:
    register_version(parent=original, erased=[erika])
    for part in scope_children(SYSTEM, erika.dataset_id, erika.pk):
        assert versions_touched([part]) == (original,)


def test_uses_repeated_with_an_erasure_do_not_bring_the_person_back(
    original: ModelVersion,
    patients: DatasetVersion,
    erika: ScopeNode,
    register_version: RegisterVersion,
) -> None:
    uses = [(patients, Arm.TRAINED)]
    first = register_version(parent=original, erased=[erika], uses=uses)
    second = register_version(parent=first, erased=[named_sibling(erika)], uses=uses)
    assert versions_touched([erika]) == (original,)
    assert held(second, erika) == 0 and not records_held(second).exists()


def test_training_on_the_person_again_brings_them_back(
    original: ModelVersion,
    patients: DatasetVersion,
    erika: ScopeNode,
    register_version: RegisterVersion,
) -> None:
    clean = register_version(parent=original, erased=[erika])
    again = register_version(parent=clean, uses=[(patients, Arm.TRAINED)])
    assert versions_touched([erika]) == (original, again)


def test_a_person_added_later_touches_only_what_was_trained_on_them(
    original: ModelVersion, register: Register, register_version: RegisterVersion
) -> None:
    names = ("Erika Mustermann", "Max Beispiel", "Neu Nachher")
    extended = register(clinic(trained=names), at="v2")
    later = register_version(uses=[(extended, Arm.TRAINED)])
    assert versions_touched([named(extended, "Neu Nachher")]) == (later,)
    assert versions_touched([named(extended, "Erika Mustermann")]) == (original, later)


def test_asking_costs_few_queries_however_many_versions_there_are(
    original: ModelVersion,
    erika: ScopeNode,
    register_version: RegisterVersion,
    django_assert_max_num_queries: object,
) -> None:
    parent = original
    for _ in range(6):
        parent = register_version(parent=parent)
    with django_assert_max_num_queries(30):  # type: ignore[operator]
        assert len(versions_touched([erika])) == 7


def test_a_version_keeps_digest_manifest_recipe_and_parent(
    original: ModelVersion, register_version: RegisterVersion
) -> None:
    child = register_version(parent=original, method="npo", effect="removal")
    assert (original.number, child.number) == (1, 2)
    assert child.parent == original and child.digest != original.digest
    assert [entry["path"] for entry in original.manifest] == ["config.json", "model.safetensors"]
    assert original.recipe["epochs"] == 1 and original.recipe["batch"] == 16
    leaf = leaves("model_version.registered")[-1]
    assert leaf["data"]["digest"] == child.digest
    assert leaf["data"]["parent"] == str(original.pk)


def test_a_version_is_written_once(original: ModelVersion) -> None:
    original.uri = "/elsewhere"
    with pytest.raises(ImmutableError):
        original.save()


def test_lineage_lists_a_models_versions_from_the_first(
    cast: People, original: ModelVersion, register_version: RegisterVersion
) -> None:
    child = register_version(parent=original)
    assert lineage(cast.dora, original.model_id) == (original, child)
    with pytest.raises(NotFoundError):
        lineage(cast.mallory, original.model_id)
    assert not models_visible(cast.mallory).exists()


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"layout": "spiral"}, "layout_unknown"),
        ({"recipe": {"epochs": "many"}}, "recipe_invalid"),
        ({"recipe": {"spell": 1}}, "recipe_invalid"),
    ],
)
def test_a_version_needs_a_known_layout_and_a_valid_recipe(
    register_version: RegisterVersion, cast: People, given: dict[str, object], code: str
) -> None:
    with pytest.raises(InvalidInputError) as error:
        register_version(**given)
    assert error.value.code == code


def test_nothing_of_another_organisation_can_be_linked(
    cast: People, original: ModelVersion
) -> None:
    foreign = model_register(actor=cast.mallory, controller_id=cast.elsewhere.pk, name="assistant")
    with pytest.raises(DomainError) as error:
        model_version_register(
            actor=cast.mallory,
            model=foreign,
            uri=original.uri,
            layout="whole",
            recipe=recipe(),
            uses=(),
            parent=original,
        )
    assert error.value.code == "other_controller"


def test_a_model_name_is_taken_once(cast: People, original: ModelVersion) -> None:
    with pytest.raises(DomainError) as error:
        model_register(actor=cast.carol, controller_id=cast.controller.pk, name="assistant")
    assert error.value.code == "model_name_taken"
