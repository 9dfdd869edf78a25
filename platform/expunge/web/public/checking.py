"""Checking a certificate for somebody: the auditor's own program, in a process that is bounded.

The files go into memory that only that process reads, and are gone with it: nothing is stored.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.utils.translation import get_language

from expunge.certificates.phrases import Unspoken
from expunge.certificates.phrases import said as spoken

SECONDS = 20
MEMORY = 2**30
BOUNDED = f"""
import resource, sys
for what, most in (("AS", {MEMORY}), ("CPU", {SECONDS}), ("FSIZE", 0)):
    resource.setrlimit(getattr(resource, "RLIMIT_" + what), (most, most))
from expunge.certificates.offline import main
sys.exit(main(sys.argv[1:]))
"""
VALID, NOT_VALID, USAGE, REVOKED = 0, 1, 2, 3


@dataclass(frozen=True)
class Checked:
    """What the program said. ``code`` is its exit code; ``None`` when it took too much."""

    code: int | None
    said: Mapping[str, Any]

    @property
    def outcome(self) -> str:
        """Return how it came out, in a word for the page."""
        words = {VALID: "valid", NOT_VALID: "not_valid", REVOKED: "revoked"}
        return "unlooked" if self.code is None else words.get(self.code, "unlooked")

    @property
    def title(self) -> tuple[str, str]:
        """Return what kind of document it is, and the language of that."""
        return in_words((self.said.get("certificate") or {}).get("title", ""))

    @property
    def findings(self) -> list[dict[str, Any]]:
        """Return what was looked at, in the reader's language where it has the words."""
        return [
            {
                "holds": item["holds"],
                "subject": in_words(item["subject"]),
                "sentence": in_words(item["sentence"]),
            }
            for item in self.said.get("findings", ())
        ]


def check(pdf: bytes, roots: bytes, log_keys: str, optional: Mapping[str, bytes]) -> Checked:
    """Run the offline verifier; ``optional`` are a ``sidecar`` and a ``status`` list, if given."""
    with ExitStack() as files:
        given = {"trust": roots, "log-key": log_keys.encode(), **optional}
        places = {name: files.enter_context(_in_memory(data)) for name, data in given.items()}
        certificate = files.enter_context(_in_memory(pdf))
        options = [word for name, place in places.items() for word in (f"--{name}", _path(place))]
        try:
            done = subprocess.run(  # noqa: S603 - our own program, and no word of a stranger's
                [sys.executable, "-c", BOUNDED, _path(certificate), "--json", *options],
                capture_output=True,
                timeout=SECONDS,
                check=False,
                pass_fds=[certificate, *places.values()],
                env={
                    "PYTHONPATH": f"{settings.ROOT}:{settings.ROOT / 'platform'}",
                    "PATH": os.defpath,
                    "OPENBLAS_NUM_THREADS": "1",
                },
            )
        except subprocess.TimeoutExpired:
            return Checked(None, {})
    try:
        return Checked(done.returncode, json.loads(done.stdout))
    except ValueError:
        return Checked(None if done.returncode < 0 else USAGE, {})


def in_words(sentence: str) -> tuple[str, str]:
    """Return a sentence of the program in the reader's language, and the language it is in."""
    language = (get_language() or "en").partition("-")[0]
    try:
        return spoken(sentence, language), language
    except (Unspoken, OSError):
        return sentence, "en"


@contextmanager
def _in_memory(data: bytes) -> Iterator[int]:
    place = os.memfd_create("evidence")
    try:
        os.write(place, data)
        yield place
    finally:
        os.close(place)


def _path(place: int) -> str:
    return f"/proc/self/fd/{place}"
