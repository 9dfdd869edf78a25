"""Forgeries of the sidecar."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

from tests.expunge.certificates.forgeries.shown import (
    Materials,
    Shown,
    flipped,
    forgery,
    says_the_same,
    twice,
)


@forgery(140)
def a_byte_of_the_sidecar(m: Materials, random: Random) -> Shown:
    assert m.honest.sidecar is not None
    while says_the_same(sidecar := flipped(m.honest.sidecar, random), m.honest.sidecar):
        pass
    return replace(m.honest, sidecar=sidecar)


@forgery(10)
def the_sidecar_of_another(m: Materials, random: Random) -> Shown:
    return replace(m.other, sidecar=m.honest.sidecar, log=random.choice([m.honest.log, None]))


SIDECAR_TRICKS: dict[str, Callable[[dict[str, Any], Random], Any]] = {
    "twice": lambda said, random: twice(said, random.choice(list(said))),
    "unknown name": lambda said, _: {**said, "note": "trust me"},
    "number as text": lambda said, _: {**said, "seq": str(said["seq"])},
    "number as fraction": lambda said, _: {**said, "seq": float(said["seq"])},
    "negative": lambda said, _: {**said, "seq": -said["seq"]},
    "huge": lambda said, random: {**said, "seq": 10 ** random.randrange(5, 4000)},
    "path reordered": lambda said, _: {**said, "path": said["path"][::-1]},
    "path longer": lambda said, _: {**said, "path": [*said["path"], said["path"][0]]},
    "path shorter": lambda said, _: {**said, "path": said["path"][:-1]},
    "missing": lambda said, random: _without(said, random.choice(list(said))),
    "nothing": lambda _, random: random.choice([{}, [], None, 5, "sidecar"]),
    "a name in other letters": lambda said, _: {
        **said,
        "checkpoint": said["checkpoint"].replace("e", "\u0435", 1),
    },
    "an invisible letter": lambda said, _: {
        **said,
        "checkpoint": said["checkpoint"].replace("\n", "\u200b\n", 1),
    },
    "loose base64": lambda said, _: {**said, "leaf": said["leaf"] + "\n"},
    "other base64": lambda said, _: {**said, "timestamp": said["timestamp"].rstrip("=")},
    "a signature more": lambda said, _: {
        **said,
        "checkpoint": said["checkpoint"] + "\u2014 mallory AAAAAAAA\n",
    },
    "deep": lambda said, _: {**said, "path": "DEEP"},
}


@forgery(60)
def a_trick_with_the_sidecar(m: Materials, random: Random) -> Shown:
    assert m.honest.sidecar is not None
    said = json.loads(m.honest.sidecar)
    trick = random.choice(sorted(SIDECAR_TRICKS))
    found = SIDECAR_TRICKS[trick](dict(said), random)
    if found == said:  # such as a path of one
        found = {**said, "path": []}
    text = found if isinstance(found, str) and found.startswith("{") else json.dumps(found)
    return replace(m.honest, sidecar=text.replace('"DEEP"', "[" * 5000 + "]" * 5000).encode())


def _without(said: dict[str, Any], name: str) -> dict[str, Any]:
    return {known: value for known, value in said.items() if known != name}
