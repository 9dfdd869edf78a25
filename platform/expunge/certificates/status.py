"""The status list: which documents no longer hold, why and since when. Pure: no Django.

It is published for everyone, so it names documents by their numbers and digests only.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import AwareDatetime, TypeAdapter
from pydantic.dataclasses import dataclass

from contract.record import FROZEN


@dataclass(frozen=True, config=FROZEN)
class Revoked:
    """A revoked document: its number, the digest of its statement, and the entry of the log.

    ``superseded_by`` is the number of the document that takes its place, where one does.
    """

    number: str
    statement: str
    reason: str
    revoked_at: AwareDatetime
    seq: int
    superseded_by: str | None = None


@dataclass(frozen=True, config=FROZEN)
class StatusList:
    """Every document of an issuer that was revoked until ``issued_at``."""

    issuer: str
    issued_at: AwareDatetime
    log: str
    revoked: tuple[Revoked, ...] = ()
    schema: Literal["expunge.status-list/1"] = "expunge.status-list/1"

    def find(self, statement: str) -> Revoked | None:
        """Return the line about the document with this statement digest, if there is one."""
        return next((item for item in self.revoked if item.statement == statement), None)


_LIST: TypeAdapter[StatusList] = TypeAdapter(StatusList)


def write_status(content: StatusList) -> dict[str, Any]:
    """Return the list as JSON-like data."""
    return dict(_LIST.dump_python(content, mode="json"))


def read_status(data: Any) -> StatusList:
    """Read a list; raises ``ValueError``."""
    return _LIST.validate_python(data)


def day(moment: datetime) -> str:
    """Return a moment as a verifier prints it."""
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC")
