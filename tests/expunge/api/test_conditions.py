"""Conditional requests: nothing is read twice for nothing, nothing is changed unseen."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connections

from expunge.registry.models import ModelVersion
from tests.expunge.api.conftest import AsScript
from tests.expunge.conftest import FileTicket
from tests.expunge.factories import People


def test_what_did_not_change_is_not_sent_again(
    script: AsScript, cast: People, original: ModelVersion, file_ticket: FileTicket
) -> None:
    carol, ticket = script(cast.carol), file_ticket()
    for path in (
        f"tickets/{ticket.pk}",
        f"models/{original.model_id}",
        f"model-versions/{original.pk}",
    ):
        etag = carol.get(path).headers["ETag"]
        assert etag.startswith('"')
        same = carol.get(path, headers={"If-None-Match": f'"other", {etag}'})
        assert same.status_code == 304 and not same.content and same.headers["ETag"] == etag
        assert carol.get(path, headers={"If-None-Match": '"other"'}).status_code == 200


def test_the_tag_changes_with_the_thing_and_with_the_reader(
    script: AsScript, cast: People, file_ticket: FileTicket
) -> None:
    path = f"tickets/{file_ticket().pk}"
    alice = script(cast.alice)
    before = alice.get(path).headers["ETag"]
    assert script(cast.dora).get(path).headers["ETag"] != before  # she does not see the person
    alice.post(f"{path}/submit", {"text": "Checked."})
    assert alice.get(path).headers["ETag"] != before


def test_a_decision_upon_an_old_reading_is_refused(
    script: AsScript, cast: People, file_ticket: FileTicket
) -> None:
    path = f"tickets/{file_ticket().pk}"
    alice, bob = script(cast.alice), script(cast.bob)
    read = alice.get(path).headers["ETag"]
    assert (
        alice.post(f"{path}/submit", {"text": "Fine."}, headers={"If-Match": read}).status_code
        == 200
    )
    stale = bob.post(f"{path}/approve", {"text": "Fine."}, headers={"If-Match": read})
    assert stale.status_code == 412 and stale.json()["code"] == "precondition_failed"
    assert bob.get(path).json()["state"] == "awaiting_approval"
    fresh = bob.get(path).headers["ETag"]
    done = bob.post(f"{path}/approve", {"text": "Fine."}, headers={"If-Match": fresh})
    assert done.json()["state"] == "approved"
    anything = {"If-Match": "*"}
    assert bob.post(f"{path}/approve", {"text": "x"}, headers=anything).status_code == 409


def test_a_list_is_no_single_thing(script: AsScript, cast: People) -> None:
    answer = script(cast.carol).post("models", {"name": "a"}, headers={"If-Match": '"x"'})
    assert answer.status_code == 422 and answer.json()["code"] == "if_match_unsupported"


@pytest.mark.django_db(transaction=True)
def test_of_two_who_read_the_same_one_changes_it(
    script: AsScript, cast: People, file_ticket: FileTicket
) -> None:
    path = f"tickets/{file_ticket().pk}"
    alice, start = script(cast.alice), Barrier(2)
    read = {"If-Match": alice.get(path).headers["ETag"]}

    def extend(_: int) -> Any:
        start.wait(20)
        try:
            body = {"reason": "complexity", "text": "It is complex."}
            return alice.post(f"{path}/extend", body, headers=read)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        statuses = sorted(answer.status_code for answer in pool.map(extend, range(2)))
    assert statuses == [200, 412]
