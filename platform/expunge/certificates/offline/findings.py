"""What a verification says: one plain sentence per thing it looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing looked at. ``holds`` is ``None`` where there was nothing to look at."""

    subject: str
    holds: bool | None
    sentence: str


class Refusal(Exception):  # noqa: N818 - it is an answer, not an accident
    """Something does not hold; the message is the sentence that says so."""


def finding(subject: str, look: Callable[[], str]) -> Finding:
    """Look at one thing: the sentence that ``look`` returns, or that of its refusal."""
    try:
        return Finding(subject, holds=True, sentence=look())
    except Refusal as refusal:
        return Finding(subject, holds=False, sentence=str(refusal))


def all_hold(findings: Iterable[Finding]) -> bool:
    """Say whether nothing that was looked at failed."""
    return all(item.holds is not False for item in findings)


def trouble(error: OSError | ValueError) -> str:
    """Return in words why files could not be looked at."""
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}."
    return f"{error}."
