"""Whom to trust, and what holds no longer."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime
from random import Random

from tests.expunge.certificates.forgeries.shown import (
    Materials,
    Shown,
    flipped,
    forgery,
    says_the_same,
)


@forgery(30)
def the_keys_of_somebody_else(m: Materials, random: Random) -> Shown:
    ours, theirs = m.honest.trust, m.stranger
    return replace(
        m.honest,
        trust=random.choice(
            [
                replace(ours, roots=theirs.roots),
                replace(ours, log_keys=theirs.log_keys),
                replace(ours, cosigners=theirs.cosigners),
                theirs,
            ]
        ),
    )


@forgery(10)
def a_log_key_that_had_ended(m: Materials, random: Random) -> Shown:
    (key,) = m.honest.trust.log_keys
    ended = replace(key, until=datetime(random.randrange(1990, 2026), 1, 1, tzinfo=UTC))
    return replace(m.honest, trust=replace(m.honest.trust, log_keys=(ended,)), log=None, kept=())


@forgery(10)
def a_revoked_certificate(m: Materials, random: Random) -> Shown:
    return replace(m.honest, status=m.revoked)


@forgery(40)
def a_status_list_altered(m: Materials, random: Random) -> Shown:
    given = random.choice([m.revoked, m.honest.status])
    assert given is not None
    said = json.loads(given)
    how = random.choice(["bytes", "payload", "old", "type", "none"])
    if how == "old":
        return replace(m.honest, status=m.early_list)
    if how == "none":
        said["signatures"] = []
    elif how == "type":
        said["payloadType"] = "application/vnd.in-toto+json"
    elif how == "payload":
        payload = base64.b64decode(said["payload"])
        said["payload"] = base64.b64encode(flipped(payload, random)).decode()
    else:
        while says_the_same(changed := flipped(given, random), given):
            pass
        return replace(m.honest, status=changed)
    return replace(m.honest, status=json.dumps(said).encode())
