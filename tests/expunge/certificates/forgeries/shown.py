"""What an auditor is shown, and the register of ways to alter it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from expunge.certificates.offline import Outcome, Trust, verify


@dataclass(frozen=True)
class Shown:
    """What an auditor is shown, and whom they trust."""

    pdf: bytes
    trust: Trust
    sidecar: bytes | None = None
    log: str | None = None
    status: bytes | None = None
    kept: tuple[str, ...] = ()

    def looked_at(self, folder: Path) -> Outcome:
        """Return what the verifier says of it: the real one, all of it."""
        export = None
        if self.log is not None:
            export = folder / "log.jsonl"
            export.write_bytes(self.log.encode("utf-8", "surrogateescape"))
        return verify(
            self.pdf,
            self.trust,
            sidecar=self.sidecar,
            export=export,
            status=self.status,
            checkpoints=self.kept,
        )


@dataclass(frozen=True)
class Materials:
    """Honest evidence of two certificates of one log, and what forgers have besides."""

    export: Path
    honest: Shown
    other: Shown
    revoked: bytes
    early_list: bytes
    log_secret: Ed25519PrivateKey
    stamp: Callable[[bytes], bytes]
    stranger: Trust


Forge = Callable[[Materials, Random], Shown]
FORGERIES: dict[str, tuple[int, Forge]] = {}


def forgery(weight: int) -> Callable[[Forge], Forge]:
    """Register a way to forge; of all forgeries, ``weight`` in a thousand are of this kind."""

    def register(forge: Forge) -> Forge:
        FORGERIES[forge.__name__] = (weight, forge)
        return forge

    return register


def flipped(data: bytes, random: Random, start: int = 0, end: int | None = None) -> bytes:
    """Return data with one bit or one byte changed between two places."""
    place = random.randrange(start, len(data) if end is None else end)
    mask = random.choice([1 << random.randrange(8), random.randrange(1, 256)])
    return data[:place] + bytes([data[place] ^ mask]) + data[place + 1 :]


def says_the_same(one: bytes, two: bytes) -> bool:
    """Say whether two JSON texts differ in their layout at most."""
    try:
        return bool(json.loads(one) == json.loads(two))
    except (ValueError, RecursionError):
        return False


def twice(said: dict[str, Any], name: str) -> str:
    """Return a JSON text that gives one of its names twice."""
    text = json.dumps(said)
    return f"{{{json.dumps(name)}: {json.dumps(said[name])}, {text[1:]}"
