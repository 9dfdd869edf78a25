"""A machine calls every operation in every way the schema allows, and in ways it forbids."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from expunge.accounts.models import ApiToken, Controller, Role
from expunge.accounts.permissions import Actor, Permission
from expunge.accounts.services import token_create
from tests.expunge.factories import people, person
from tests.expunge.tour import Tour, tour

EXAMPLES = 2
# What the platform may answer to a request that the schema allows: the law, the registry and the
# state of things refuse more than a schema can say.
ANSWERS = [200, 201, 202, 204, 304, 403, 404, 406, 409, 412, 422]
REFUSALS = [400, 401, 403, 404, 405, 406, 409, 412, 413, 415, 422, 429]
PHASES = ("--phases", "examples,coverage,fuzzing", "--max-failures", "200")
# It ends the token that the others call with, so it is called last and alone.
ENDING = "tokens_rotate"


@pytest.fixture
def there(transactional_db: None, tmp_path: Path, settings: Any) -> Tour:
    settings.EXPUNGE_API_CALLS = settings.EXPUNGE_API_STRANGER_CALLS = 10**9
    settings.EXPUNGE_API_STREAM_SECONDS = 0
    return tour(people(), tmp_path)


def token_of(actor: Actor, controller: Controller, name: str = "a machine") -> str:
    scopes = [item for item in Permission if actor.may(item, controller.pk)]
    _, secret = token_create(actor=actor, controller_id=controller.pk, name=name, scopes=scopes)
    return secret


def known_ids(there: Tour) -> dict[str, str]:
    """Return things that exist, so that calls reach further than "no such thing"."""
    ticket = there.tickets["closed"]
    job = ticket.jobs.get()
    return {
        "path.ticket_id": str(there.tickets["review"].pk),
        "path.dataset_id": str(there.dataset.pk),
        "path.model_id": str(there.original.model_id),
        "path.version_id": str(there.original.pk),
        "path.job_id": str(job.pk),
        "path.attempt_id": str(job.attempts.first().pk),
        "path.token_id": str(ApiToken.objects.get(name="a spare").pk),
        "path.seq": "1",
        "query.wait": "0",
    }


def configuration(folder: Path, secret: str, ids: dict[str, str]) -> Path:
    """Write what to try: the same calls every time, whatever earlier ones answered."""
    file = folder / "schemathesis.toml"
    parameters = "\n".join(f'"{name}" = {json.dumps(value)}' for name, value in ids.items())
    file.write_text(
        f"""
headers = {{ Authorization = "Bearer {secret}" }}
[generation]
max-examples = {EXAMPLES}
deterministic = true
database = "none"
allow-x00 = false
[phases.coverage]
unexpected-methods = ["delete"]
[phases.coverage.extra-data-sources]
responses = false
[phases.fuzzing.extra-data-sources]
responses = false
[checks.positive_data_acceptance]
expected-statuses = {json.dumps(ANSWERS)}
[checks.negative_data_rejection]
expected-statuses = {json.dumps(REFUSALS)}
[parameters]
{parameters}
""",
        encoding="utf-8",
    )
    return file


def call_everything(schema: str, config: Path, *words: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(config)),
            *("run", schema, "--no-color", "--workers", "2", *PHASES, *words),
        ],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        cwd=config.parent,
        timeout=540,
    )
    with (config.parent / "report.txt").open("a", encoding="utf-8") as report:
        report.write(done.stdout)
    return done


def test_no_call_finds_a_fault(there: Tour, live_server: object, tmp_path: Path) -> None:
    everybody = person("Everybody", there.people.controller, *Role.values)
    secret = token_of(everybody, there.people.controller)
    token_of(everybody, there.people.controller, "a spare")
    config = configuration(tmp_path, secret, known_ids(there))
    schema = f"{live_server}/api/v1/schema"
    most = call_everything(schema, config, "--exclude-operation-id", ENDING)
    assert most.returncode == 0, most.stdout[-12_000:] + most.stderr[-2000:]
    last = call_everything(schema, config, "--include-operation-id", ENDING)
    assert last.returncode == 0, last.stdout[-6000:] + last.stderr[-2000:]
