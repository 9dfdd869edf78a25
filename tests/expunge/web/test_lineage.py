"""The lineage of a model: every version with its parent, and what each still holds."""

from __future__ import annotations

import re

import pytest

from expunge.registry.models import Erasure, ModelVersion, ScopeNode
from expunge.registry.selectors import lineage
from expunge.web.lineage_graph import lineage_rows, lineage_svg
from tests.expunge.factories import People
from tests.expunge.tour import Tour
from tests.expunge.web.conftest import SignedIn


def grow(original: ModelVersion, parents: list[int]) -> None:
    """Add versions without artifacts: number by number, each from the version it names."""
    made = {1: original}
    for number, parent in enumerate(parents, start=2):
        made[number] = ModelVersion.objects.create(
            model=original.model,
            number=number,
            uri="nowhere",
            digest=f"sha256:{number:064x}",
            manifest={},
            parent=made[parent],
            method="npo" if number % 2 else "",
        )


def test_an_erasure_is_inherited_and_said(
    cast: People, original: ModelVersion, erika: ScopeNode
) -> None:
    grow(original, [1, 2, 1])
    second = ModelVersion.objects.get(number=2)
    Erasure.objects.create(model_version=second, node=erika)
    rows = {row.version.number: row for row in lineage_rows(lineage(cast.alice, original.model_id))}
    assert [row.superseded for _, row in sorted(rows.items())] == [True, True, False, False]
    assert "less 1 erased part" in rows[2].holds and "less 1 erased part" in rows[3].holds
    assert "less" not in rows[1].holds and "less" not in rows[4].holds
    assert rows[1].lane == rows[2].lane == rows[3].lane != rows[4].lane


def test_fifty_versions_are_drawn_each_once_with_few_questions(
    cast: People, original: ModelVersion, django_assert_max_num_queries: object
) -> None:
    grow(original, [max(1, number - (3 if number % 7 == 0 else 1)) for number in range(2, 51)])
    with django_assert_max_num_queries(14):  # type: ignore[operator]
        drawing = lineage_svg(lineage_rows(lineage(cast.alice, original.model_id)))
    assert len(re.findall(r'class="node ', drawing)) == 50
    assert len(re.findall(r'class="edge"', drawing)) == 49
    assert "style=" not in drawing and "<desc" in drawing


@pytest.mark.parametrize("who", ["alice", "dora"])
def test_the_page_says_in_a_table_what_the_drawing_shows(
    signed_in: SignedIn, grand_tour: Tour, who: str
) -> None:
    address = f"/models/{grand_tour.original.model_id}/"
    page = signed_in(getattr(grand_tour.people, who)).get(address).content.decode()
    assert "<svg" in page and "from v1" in page and 'id="v2"' in page
    assert "Riverland patients v1" in page
    assert signed_in(grand_tour.people.mallory).get(address).status_code == 404
