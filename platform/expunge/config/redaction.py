"""Keeps secrets out of the logs, whoever writes them: a formatter sees every line as it goes out.

It is the last net, not the first: no part of the platform logs a secret knowingly. Libraries
log addresses, headers and the text of errors.
"""

from __future__ import annotations

import logging
import re

MASK = "[removed]"
_SECRETS = (
    # Credentials in headers: "Authorization: Bearer x", {'Authorization': 'Basic x'}.
    (re.compile(r"(?i)(authorization['\"]?\s*[:=]\s*['\"]?\w+\s+)[^\s'\",;}]+"), rf"\1{MASK}"),
    (re.compile(r"(?i)\b((?:bearer|basic)\s+)[\w.~+/=-]{8,}"), rf"\1{MASK}"),
    (re.compile(r"(?i)((?:set-)?cookie['\"]?\s*[:=]\s*['\"]?)[^'\"\n}]+"), rf"\1{MASK}"),
    # Values whose name says what they are, in queries, forms and assignments.
    (
        re.compile(
            r"(?i)([\w-]*(?:password|passwd|secret|token|api_?key|signature|code|state|key)"
            r"['\"]?\s*=\s*['\"]?)[^\s&'\",;)}]{4,}"
        ),
        rf"\1{MASK}",
    ),
    # Names and passwords inside addresses: redis://user:secret@host.
    (re.compile(r"(\w+://)[^\s/@]+@"), rf"\1{MASK}@"),
    # Our own tokens, and links that are secrets themselves.
    (re.compile(r"\bxpg_[\w-]+"), MASK),
    (re.compile(r"(/password/new/)[^\s/]+"), rf"\1{MASK}"),
    (re.compile(r"(/request/)[\w-]{30,}"), rf"\1{MASK}"),
    (
        re.compile(
            r"(?<![\w-])(?=[\w-]*[a-z])(?=[\w-]*[A-Z])(?=[\w-]*\d)[\w-]{32,}(?![\w-])",
        ),
        MASK,
    ),
)


def redact(line: str) -> str:
    """Return a line of the log without what must not stand there."""
    for pattern, instead in _SECRETS:
        line = pattern.sub(instead, line)
    return line


class RedactingFormatter(logging.Formatter):
    """Formats a record, its trace included, and removes secrets from the result."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line as it goes out."""
        return redact(super().format(record))
