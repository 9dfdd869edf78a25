"""Forgeries of the log and of the checkpoints that were kept."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from random import Random

from expunge.audit import checkpoint as notes
from expunge.audit.export import StampedNote, checkpoint_line, entry_line, read_export
from expunge.audit.merkle import leaf_hash, nodes_of, root
from expunge.audit.replay import Entry
from tests.expunge.certificates.forgeries.shown import (
    Materials,
    Shown,
    flipped,
    forgery,
    says_the_same,
    twice,
)


@forgery(80)
def a_byte_of_the_log(m: Materials, random: Random) -> Shown:
    lines = (m.honest.log or "").encode().split(b"\n")[:-1]
    place = random.randrange(len(lines))
    while says_the_same(line := flipped(lines[place], random), lines[place]):
        pass
    lines[place] = line
    return _with_log(m, b"\n".join(lines) + b"\n")


@forgery(40)
def entries_dropped_doubled_or_exchanged(m: Materials, random: Random) -> Shown:
    entries, checkpoints = _lines(m)
    place = random.randrange(len(entries))
    how = random.choice(["drop", "double", "exchange", "cut", "turn"])
    if how == "drop":
        del entries[place]
    elif how == "double":
        entries.insert(place, entries[place])
    elif how == "exchange":
        place = place % (len(entries) - 1)
        entries[place], entries[place + 1] = entries[place + 1], entries[place]
    elif how == "cut":
        entries = entries[:place]
    else:
        entries.reverse()
    # Without its checkpoints a shorter log is whole; so the auditor has kept the newest.
    kept = checkpoints if random.random() < 0.5 else []
    return _with_log(m, ("\n".join([*entries, *kept]) + "\n").encode())


@forgery(40)
def an_entry_rewritten_or_renumbered(m: Materials, random: Random) -> Shown:
    entries, checkpoints = _lines(m)
    place = random.randrange(len(entries))
    said = json.loads(entries[place])
    data = base64.b64decode(said["data"])
    how = random.choice(["bytes", "number", "appended", "empty", "twice", "text", "name"])
    if how == "bytes":
        said["data"] = base64.b64encode(flipped(data, random)).decode()
    elif how == "number":
        said["seq"] += random.choice([-1, 1, len(entries)])
    elif how == "appended":
        said["data"] = base64.b64encode(data + b" ").decode()
    elif how == "empty":
        said["data"] = ""
    elif how == "text":
        said["seq"] = str(said["seq"])
    elif how == "name":
        said["leaf_hash"] = leaf_hash(data).hex()
    entries[place] = twice(said, "data") if how == "twice" else json.dumps(said)
    return _with_log(m, ("\n".join([*entries, *checkpoints]) + "\n").encode())


@forgery(40)
def a_log_forked(m: Materials, random: Random) -> Shown:
    """The owner of the log, with its key, shows another past than was certified or kept."""
    items = [item for item in read_export(m.export) if isinstance(item, Entry)]
    place = random.randrange(len(items))
    forged = flipped(items[place].data, random)
    items[place] = Entry(place, forged, leaf_hash(forged))
    size = random.randrange(place + 1, len(items) + 1)
    tree = nodes_of([item.leaf_hash for item in items])
    claim = notes.Checkpoint(m.honest.trust.log_keys[0].name, size, root(tree, size))
    note = notes.sign(claim, m.log_secret)
    stamped = StampedNote(note, m.stamp(note.encode()))
    lines = [*map(entry_line, items), checkpoint_line(stamped)]
    return _with_log(m, ("\n".join(lines) + "\n").encode())


@forgery(10)
def a_log_that_was_kept_otherwise(m: Materials, random: Random) -> Shown:
    """The log matches itself, but not the checkpoint that the auditor kept."""
    size = random.randrange(1, 12)
    claim = notes.Checkpoint(m.honest.trust.log_keys[0].name, size, random.randbytes(32))
    return replace(m.honest, kept=(notes.sign(claim, m.log_secret),))


@forgery(30)
def a_kept_checkpoint_altered(m: Materials, random: Random) -> Shown:
    (kept,) = m.honest.kept
    changed = flipped(kept.encode(), random).decode("utf-8", "replace")
    return replace(m.honest, kept=(changed,))


def _lines(m: Materials) -> tuple[list[str], list[str]]:
    lines = (m.honest.log or "").splitlines()
    return [x for x in lines if '"seq"' in x], [x for x in lines if '"checkpoint"' in x]


def _with_log(m: Materials, log: bytes) -> Shown:
    return replace(m.honest, log=log.decode("utf-8", "surrogateescape"))
