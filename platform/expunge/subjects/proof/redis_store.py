"""Looking through every key and value of Redis: cache, queues, and what else lies there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import redis
from django.conf import settings

from expunge.subjects.proof.findings import Findings
from expunge.subjects.proof.needles import Needles


def look_in_redis(needles: Needles, findings: Findings) -> None:
    """Look at all databases of the server."""
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        names = list(client.info("keyspace"))
    for name in names:
        number = int(str(name).removeprefix("db"))
        with redis.Redis.from_url(settings.REDIS_URL, db=number) as store:
            _look(store, number, needles, findings)


def _look(store: Any, number: int, needles: Needles, findings: Findings) -> None:
    for place, key in enumerate(store.scan_iter(count=500), start=1):
        findings.looked_at["Redis keys"] += 1
        named = needles.in_bytes(key)
        shown = f"key number {place}" if named else key.decode("utf-8", "replace")
        found = named
        for value in _values(store, key):
            found |= needles.in_bytes(value)
        findings.note(f"Redis, database {number}, {shown}", found)


def _values(store: Any, key: bytes) -> Iterator[bytes]:
    kind = store.type(key).decode()
    if kind == "string":
        yield store.get(key) or b""
    elif kind == "list":
        yield from store.lrange(key, 0, -1)
    elif kind == "set":
        yield from store.sscan_iter(key)
    elif kind == "zset":
        yield from (member for member, _ in store.zscan_iter(key))
    elif kind == "hash":
        for name, value in store.hscan_iter(key):
            yield from (name, value)
    elif kind == "stream":
        for _, fields in store.xrange(key):
            for name, value in fields.items():
                yield from (name, value)
