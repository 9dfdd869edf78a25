"""Who was erased and comes back raises an alert; nothing else does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from corpora.dataset import Dataset
from expunge.accounts.permissions import Actor
from expunge.common.errors import DomainError, NotFoundError
from expunge.registry import suppression
from expunge.registry.ledger import suppression_expire, suppression_record
from expunge.registry.models import (
    Arm,
    DatasetVersion,
    ModelVersion,
    ScopeNode,
    SuppressionAlert,
    SuppressionEntry,
)
from expunge.registry.selectors import scope_search, versions_touched
from expunge.registry.services import model_register, model_version_register
from expunge.registry.signals import suppression_alerted
from tests.expunge.conftest import Register, RegisterVersion
from tests.expunge.factories import (
    SYSTEM,
    People,
    all_leaves,
    clinic,
    leaves,
    model_folder,
    recipe,
)

Erase = Callable[..., UUID]


@pytest.fixture
def erase(cast: People) -> Erase:
    """Enter nodes in the ledger, as a certified ticket does."""

    def certify(*nodes: ScopeNode) -> UUID:
        ticket = uuid4()
        suppression_record(
            actor=SYSTEM,
            controller_id=cast.controller.pk,
            ticket_id=ticket,
            nodes=nodes,
            certificate="EC-2026-AAAA-BBBB",
        )
        return ticket

    return certify


@pytest.fixture
def erased(original: ModelVersion, erika: ScopeNode, register_version: RegisterVersion) -> Any:
    """Return the version that an erasure of Erika made."""
    return register_version(parent=original, method="undo", effect="removal", erased=[erika])


def kinds(version: DatasetVersion | ModelVersion) -> list[str]:
    return sorted(str(item.kind) for item in version.alerts.all())


def again(dataset: Dataset) -> Dataset:
    return replace(dataset, seed=dataset.seed + 1)


def test_a_dataset_version_that_holds_an_erased_person_again_raises_an_alert(
    erase: Erase, erika: ScopeNode, register: Register
) -> None:
    ticket = erase(erika)
    version = register(again(clinic()), at="again")
    (alert,) = version.alerts.all()
    assert (alert.kind, alert.ticket_id, alert.nodes) == ("dataset_brings_back", ticket, [erika.pk])
    assert register(clinic(trained=("Max Beispiel",)), at="without").alerts.count() == 0


def test_a_person_is_known_again_when_their_labels_were_shredded(
    erase: Erase, erika: ScopeNode, register: Register
) -> None:
    erase(erika)
    ScopeNode.objects.filter(path__startswith=erika.path).update(label="")
    before = ScopeNode.objects.count()
    version = register(again(clinic()), at="again")
    assert kinds(version) == ["dataset_brings_back"]
    assert ScopeNode.objects.count() == before
    assert scope_search(SYSTEM, erika.dataset_id, "Erika Mustermann")[0].label == ""


def test_a_part_of_a_person_counts_as_far_as_it_was_erased(
    erase: Erase, erika: ScopeNode, register: Register
) -> None:
    (study,) = ScopeNode.objects.filter(parent=erika, path__endswith="00000")
    erase(study)
    rest = replace(
        again(clinic()),
        records=tuple(
            item for item in clinic().records if item.path[1:3] != ("Erika Mustermann", "study 0")
        ),
    )
    assert kinds(register(rest, at="rest")) == []
    assert kinds(register(again(clinic()), at="again")) == ["dataset_brings_back"]


def test_everyone_below_an_erased_institution_is_remembered(
    erase: Erase, erika: ScopeNode, register: Register
) -> None:
    assert erika.parent is not None
    erase(erika.parent)
    assert SuppressionEntry.objects.count() == 4
    moved = clinic(trained=("Erika Mustermann",), twins=())
    assert kinds(register(moved, name="other", at="other")) == ["possible_match"]


def test_the_same_name_in_another_dataset_is_for_a_person_to_decide(
    erase: Erase, erika: ScopeNode, register: Register
) -> None:
    ticket = erase(erika)
    version = register(clinic(), name="another clinic", at="other")
    (alert,) = version.alerts.all()
    assert (alert.kind, alert.state, alert.ticket_id) == ("possible_match", "open", ticket)
    (node,) = ScopeNode.objects.filter(pk__in=alert.nodes)
    assert node.dataset_id == version.dataset_id and node.label == "Erika Mustermann"


def test_a_match_that_was_dismissed_is_not_asked_again(
    erase: Erase, erika: ScopeNode, register: Register, cast: People
) -> None:
    erase(erika)
    (alert,) = register(clinic(), name="another clinic", at="other").alerts.all()
    suppression.alert_decide(
        actor=cast.alice, alert_id=alert.pk, decision="dismissed", reason="another_person"
    )
    assert kinds(register(again(clinic()), name="another clinic", at="later")) == []


def test_training_on_an_erased_person_again_raises_an_alert(
    erase: Erase, erased: ModelVersion, erika: ScopeNode, patients: DatasetVersion,
    register_version: RegisterVersion,
) -> None:  # fmt: skip
    erase(erika)
    assert kinds(register_version(uses=[(patients, Arm.TRAINED)])) == ["model_brings_back"]


def test_a_child_of_a_version_from_before_the_erasure_raises_an_alert(
    erase: Erase, erased: ModelVersion, original: ModelVersion, erika: ScopeNode,
    register_version: RegisterVersion,
) -> None:  # fmt: skip
    erase(erika)
    assert kinds(register_version(parent=original)) == ["model_brings_back"]
    assert kinds(register_version(parent=erased)) == []


def test_a_later_erasure_raises_no_alert(  # noqa: PLR0913, PLR0917 - fixtures
    erase: Erase, erased: ModelVersion, original: ModelVersion, erika: ScopeNode,
    patients: DatasetVersion, register_version: RegisterVersion,
) -> None:  # fmt: skip
    erase(erika)
    (max_,) = scope_search(SYSTEM, patients.dataset_id, "Max Beispiel")
    assert kinds(register_version(parent=original, erased=[max_])) == []
    assert kinds(register_version(parent=erased, erased=[max_])) == []


def test_a_version_that_no_longer_holds_half_a_person_is_looked_at_closely(
    erase: Erase, original: ModelVersion, erika: ScopeNode, register_version: RegisterVersion
) -> None:
    erase(erika)
    halves = list(ScopeNode.objects.filter(parent=erika))
    half = register_version(parent=original, erased=halves[:1])
    assert kinds(register_version(parent=half)) == ["model_brings_back"]
    none = register_version(parent=half, erased=halves[1:])
    assert kinds(register_version(parent=none)) == []


@pytest.mark.parametrize("extra", [False, True], ids=["the same files", "and a file more"])
def test_a_restored_checkpoint_is_known_by_its_bytes(  # noqa: PLR0913, PLR0917 - fixtures
    erase: Erase, erased: ModelVersion, original: ModelVersion, erika: ScopeNode, cast: People,
    tmp_path: Path, extra: bool,  # noqa: FBT001 - a case
) -> None:  # fmt: skip
    erase(erika)
    folder = model_folder(tmp_path / "restored", b"weights 1")
    if extra:
        (folder / "README.md").write_text("restored", encoding="utf-8")
    other = model_register(actor=cast.carol, controller_id=cast.controller.pk, name="new name")
    version = model_version_register(
        actor=cast.carol, model=other, uri=str(folder), layout="whole", recipe=recipe(), uses=()
    )
    (alert,) = version.alerts.all()
    assert alert.kind == "model_brings_back" and alert.restored_from == original
    assert version.parent == original and version in versions_touched([erika])


def test_other_weights_are_no_restored_checkpoint(
    erase: Erase, erased: ModelVersion, erika: ScopeNode, register_version: RegisterVersion
) -> None:
    erase(erika)
    version = register_version()
    assert version.parent is None and kinds(version) == []


def test_before_anyone_was_erased_nothing_is_asked(
    original: ModelVersion, register: Register, register_version: RegisterVersion
) -> None:
    assert kinds(register_version(parent=original)) == []
    assert kinds(register(again(clinic()), at="again")) == []


def test_another_organisation_is_not_matched(
    erase: Erase, erika: ScopeNode, cast: People, tmp_path: Path
) -> None:
    from corpora.dataset import write_dataset  # noqa: PLC0415 - one test writes by hand
    from expunge.registry.services import dataset_version_register  # noqa: PLC0415 - the same

    erase(erika)
    write_dataset(tmp_path / "theirs", clinic())
    version = dataset_version_register(
        actor=cast.mallory, controller_id=cast.elsewhere.pk, name="x", uri=str(tmp_path / "theirs")
    )
    assert kinds(version) == []


@pytest.fixture
def heard() -> Any:
    found: list[UUID] = []

    def listen(*, alert_id: UUID, **_: Any) -> None:
        found.append(alert_id)

    suppression_alerted.connect(listen)
    yield found
    suppression_alerted.disconnect(listen)


def test_certain_alerts_are_announced_after_the_commit_and_possible_ones_when_confirmed(  # noqa: PLR0913, PLR0917 - fixtures
    erase: Erase, erika: ScopeNode, register: Register, cast: People, heard: list[UUID],
    django_capture_on_commit_callbacks: Any,
) -> None:  # fmt: skip
    erase(erika)
    with django_capture_on_commit_callbacks(execute=True):
        certain = register(again(clinic()), at="again").alerts.get()
        possible = register(clinic(), name="another", at="other").alerts.get()
        assert heard == []
    assert heard == [certain.pk]
    with django_capture_on_commit_callbacks(execute=True):
        decided(cast.alice, possible)
    assert heard == [certain.pk, possible.pk]


def decided(actor: Actor, alert: SuppressionAlert, **given: str) -> SuppressionAlert:
    defaults = {"decision": "confirmed", "reason": "same_person"}
    return suppression.alert_decide(actor=actor, alert_id=alert.pk, **{**defaults, **given})


def test_a_confirmed_match_counts_as_erased_in_the_other_dataset_too(
    erase: Erase, erika: ScopeNode, register: Register, register_version: RegisterVersion,
    cast: People,
) -> None:  # fmt: skip
    ticket = erase(erika)
    other = register(clinic(), name="another", at="other")
    trained = register_version(uses=[(other, Arm.TRAINED)])
    assert kinds(trained) == []
    decided(cast.alice, other.alerts.get())
    (alert,) = trained.alerts.all()
    assert (alert.kind, alert.ticket_id) == ("model_brings_back", ticket)
    assert kinds(register(again(clinic()), name="another", at="later")) == ["dataset_brings_back"]


def test_alerts_wait_for_a_job_until_one_follows_them(  # noqa: PLR0913, PLR0917 - fixtures
    erase: Erase, erased: ModelVersion, original: ModelVersion, erika: ScopeNode,
    register_version: RegisterVersion, register: Register, cast: People,
) -> None:  # fmt: skip
    erase(erika)
    register(again(clinic()), at="again")
    alert = register_version(parent=original).alerts.get()
    assert list(suppression.alerts_without_job()) == [alert]
    job = uuid4()
    assert suppression.alert_follow(alert_id=alert.pk, job_id=job)
    assert not suppression.alert_follow(alert_id=alert.pk, job_id=uuid4())
    assert list(suppression.alerts_without_job()) == []
    with pytest.raises(DomainError) as error:
        decided(cast.alice, alert, decision="dismissed", reason="agreed_anew")
    assert error.value.code == "alert_decided"
    suppression.alert_resolve(actor=SYSTEM, alert_id=alert.pk)
    suppression.alert_resolve(actor=SYSTEM, alert_id=alert.pk)
    alert.refresh_from_db()
    assert (alert.state, alert.job_id) == ("resolved", job)
    assert len(leaves("alert.resolved")) == 1


def test_only_reviewers_decide_and_only_once(
    erase: Erase, erika: ScopeNode, register: Register, cast: People
) -> None:
    erase(erika)
    alert = register(clinic(), name="another", at="other").alerts.get()
    for actor in (cast.bob, cast.carol, cast.dora):
        with pytest.raises(DomainError) as refused:
            decided(actor, alert)
        assert refused.value.code == "permission_missing"
        assert suppression.alert_get(actor, alert.pk) == alert
        assert suppression.alert_nodes(actor, alert) == ()
    for actor in (cast.mallory, cast.ada):
        with pytest.raises(NotFoundError):
            decided(actor, alert)
        assert suppression.alerts_open(actor) == 0
    assert suppression.alerts_open(cast.alice) == 1
    assert [node.label for node in suppression.alert_nodes(cast.alice, alert)] == [erika.label]
    with pytest.raises(DomainError) as wrong:
        decided(cast.alice, alert, reason="another_person")
    assert wrong.value.code == "reason_unknown"
    decided(cast.alice, alert)
    with pytest.raises(DomainError) as late:
        decided(cast.alice, alert)
    assert late.value.code == "alert_decided"
    assert suppression.alerts_open(cast.alice) == 0


def test_every_step_leaves_an_audit_leaf_and_none_a_name(
    erase: Erase, erika: ScopeNode, register: Register, cast: People
) -> None:
    ticket = erase(erika)
    alert = register(clinic(), name="another", at="other").alerts.get()
    decided(cast.alice, alert)
    (raised,), (settled,) = leaves("alert.raised"), leaves("alert.decided")
    assert raised["subject"]["ticket"] == settled["subject"]["ticket"] == str(ticket)
    assert settled["actor"] == cast.alice.pseudonym
    assert settled["data"]["reason"] == "same_person"
    assert leaves("suppression.recorded")[0]["data"]["certificate"] == "EC-2026-AAAA-BBBB"
    assert b"Erika" not in all_leaves()


def test_the_ledger_forgets_when_it_is_told_to(
    erase: Erase, erika: ScopeNode, settings: Any
) -> None:
    erase(erika)
    assert suppression_expire() == 0
    settings.EXPUNGE_SUPPRESSION_MONTHS = 1
    assert suppression_expire() == 0
    SuppressionEntry.objects.update(created_at="2020-01-01T00:00:00Z")
    assert suppression_expire() == 1


def test_the_number_of_queries_does_not_grow_with_the_ledger(
    erase: Erase, patients: DatasetVersion, register: Register
) -> None:
    from expunge.registry.matching import dataset_lookalikes, dataset_matches  # noqa: PLC0415

    counts = []
    for node in ScopeNode.objects.filter(dataset=patients.dataset, depth__gte=1)[:12:6]:
        erase(node)
        with CaptureQueriesContext(connection) as queries:
            dataset_matches(patients)
            dataset_lookalikes(patients)
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 6
