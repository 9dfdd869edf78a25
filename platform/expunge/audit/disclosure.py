"""Proof by disclosure: what opens a commitment of the log, as a file for whoever is to be shown.

An entry holds ``HMAC-SHA256(key, data)`` where it must not hold personal data. Who has the key can
show, to one person and at one time, what was meant: key and data go into this file, and the
auditor compares them with the entry. Once the key is destroyed nobody can, and the entry says
nothing about anybody any more. Pure: no Django.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from expunge.audit.leaves import commitment
from expunge.audit.replay import Entry
from expunge.common.strict import strict_base64, strict_json, strict_number, strict_object

SCHEMA = "expunge.disclosure/1"
NAMES = ("schema", "seq", "key", "data")


class DisclosureError(ValueError):
    """A disclosure cannot be read, or opens nothing of the entry it names."""


@dataclass(frozen=True)
class Disclosure:
    """The number of an entry, and the key and the data that open a commitment in it."""

    seq: int
    key: bytes
    data: Any


def write_disclosure(item: Disclosure) -> bytes:
    """Return a disclosure as JSON."""
    key = base64.b64encode(item.key).decode()
    said = {"schema": SCHEMA, "seq": item.seq, "key": key, "data": item.data}
    return json.dumps(said, indent=1, ensure_ascii=False).encode()


def read_disclosure(content: bytes) -> Disclosure:
    """Read a disclosure; raises :class:`DisclosureError`."""
    try:
        said = strict_object(content, NAMES)
        if said["schema"] != SCHEMA:
            raise DisclosureError("the file is no disclosure")
        return Disclosure(strict_number(said["seq"]), strict_base64(said["key"]), said["data"])
    except (KeyError, ValueError) as error:
        raise DisclosureError("the disclosure is not readable") from error


def require_opened(item: Disclosure, entry: Entry) -> str:
    """Return the name of what the disclosure opens in an entry; raises :class:`DisclosureError`."""
    meant = commitment(item.key, item.data)
    try:
        values = dict(_values("", strict_json(entry.data)["data"]))
    except (ValueError, KeyError, TypeError) as error:
        raise DisclosureError(f"entry {entry.seq} is not readable") from error
    for name, value in values.items():
        if value == meant:
            return name
    raise DisclosureError(f"key and data open nothing in entry {entry.seq}")


def _values(name: str, said: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(said, dict):
        for part, value in said.items():
            yield from _values(f"{name}.{part}".lstrip("."), value)
    elif isinstance(said, list):
        for place, value in enumerate(said):
            yield from _values(f"{name}.{place}", value)
    else:
        yield name, said
