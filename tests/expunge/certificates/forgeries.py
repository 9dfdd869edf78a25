"""Ways to alter evidence: each takes what an auditor is shown and returns it changed.

A forgery changes what is said, not how it is laid out: blanks between the names of a JSON text are
nobody's evidence. Everything follows from the seed.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader

from expunge.audit import checkpoint as notes
from expunge.audit.export import StampedNote, checkpoint_line, entry_line, read_export
from expunge.audit.merkle import leaf_hash, nodes_of, root
from expunge.audit.replay import Entry
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


# The PDF


@forgery(200)
def a_byte_of_the_pdf(m: Materials, random: Random) -> Shown:
    return replace(m.honest, pdf=flipped(m.honest.pdf, random))


@forgery(80)
def a_byte_of_the_pdf_shown_alone(m: Materials, random: Random) -> Shown:
    # Bytes in the last timestamp's own place are only vouched for by the sidecar.
    end = m.honest.pdf.rindex(b"/Contents")
    return Shown(flipped(m.honest.pdf, random, end=end), m.honest.trust)


@forgery(40)
def a_byte_around_a_signature(m: Materials, random: Random) -> Shown:
    start, end = m.honest.pdf.index(b"/ByteRange"), m.honest.pdf.rindex(b"/Contents")
    return Shown(flipped(m.honest.pdf, random, start, end), m.honest.trust)


@forgery(30)
def a_pdf_cut_short(m: Materials, random: Random) -> Shown:
    pdf = m.honest.pdf[: random.randrange(len(m.honest.pdf))]
    return replace(m.honest, pdf=pdf, sidecar=random.choice([m.honest.sidecar, None]))


@forgery(30)
def junk_after_the_end(m: Materials, random: Random) -> Shown:
    junk = random.choice([b"\n", b"\0", b"%%EOF\n", b" " * 99, random.randbytes(40), m.other.pdf])
    sidecar = random.choice([m.honest.sidecar, None])
    return replace(m.honest, pdf=m.honest.pdf + junk, sidecar=sidecar)


@forgery(20)
def bytes_put_in_or_taken_out(m: Materials, random: Random) -> Shown:
    place, pdf = random.randrange(len(m.honest.pdf)), m.honest.pdf
    gap = random.randrange(1, 60)
    changed = random.choice([pdf[:place] + random.randbytes(gap), pdf[:place]]) + pdf[place + gap :]
    return Shown(changed if changed != pdf else pdf[:-1], m.honest.trust)


@forgery(12)
def something_appended_as_an_update(m: Materials, random: Random) -> Shown:
    writer = IncrementalPdfFileWriter(io.BytesIO(m.honest.pdf))
    page = writer.root["/Pages"]["/Kids"][0].get_object()
    name = random.choice(["/Rotate", "/UserUnit", "/Annots", "/Contents", "/Title"])
    value: Any = generic.NumberObject(random.choice([90, 180]))
    if name == "/Annots":
        value = generic.ArrayObject()
    if name == "/Contents":
        value = writer.add_object(generic.StreamObject(stream_data=b"BT (forged) Tj ET"))
    target = writer.root if name == "/Title" else page
    target[name] = value
    writer.update_root() if target is writer.root else writer.update_container(page)
    output = io.BytesIO()
    writer.write(output)
    return Shown(output.getvalue(), m.honest.trust)


@forgery(6)
def a_page_appended(m: Materials, random: Random) -> Shown:
    writer = IncrementalPdfFileWriter(io.BytesIO(m.honest.pdf))
    pages = writer.root["/Pages"]
    kids = pages["/Kids"]
    kids.append(kids.raw_get(random.randrange(len(kids))))
    pages["/Count"] = generic.NumberObject(len(kids))
    writer.update_container(pages)
    output = io.BytesIO()
    writer.write(output)
    return Shown(output.getvalue(), m.honest.trust)


@forgery(6)
def an_attachment_swapped(m: Materials, random: Random) -> Shown:
    theirs = PdfFileReader(io.BytesIO(m.other.pdf)).root["/Names"]["/EmbeddedFiles"]["/Names"]
    writer = IncrementalPdfFileWriter(io.BytesIO(m.honest.pdf))
    names = writer.root["/Names"]["/EmbeddedFiles"]["/Names"]
    which = random.choice([1, 3])
    content = theirs[which]["/EF"]["/F"].data
    stream = writer.add_object(generic.StreamObject(stream_data=content))
    names[which]["/EF"][generic.NameObject("/F")] = stream
    names[which]["/EF"][generic.NameObject("/UF")] = stream
    writer.update_container(names[which]["/EF"])
    output = io.BytesIO()
    writer.write(output)
    return Shown(output.getvalue(), m.honest.trust)


@forgery(10)
def a_signature_transplanted(m: Materials, random: Random) -> Shown:
    ours = PdfFileReader(io.BytesIO(m.honest.pdf)).embedded_signatures
    theirs = PdfFileReader(io.BytesIO(m.other.pdf)).embedded_signatures
    which = random.randrange(len(ours))
    start, end = _place(ours[which])
    content = m.other.pdf[slice(*_place(theirs[which]))]
    fitted = content[1:-1].ljust(end - start - 2, b"0")[: end - start - 2]
    pdf = m.honest.pdf[:start] + b"<" + fitted + b">" + m.honest.pdf[end:]
    return Shown(pdf, m.honest.trust)


@forgery(6)
def an_archive_timestamp_taken_away(m: Materials, random: Random) -> Shown:
    signature = PdfFileReader(io.BytesIO(m.honest.pdf)).embedded_signatures[0]
    *_, tail, rest = (int(value) for value in signature.byte_range)
    return Shown(m.honest.pdf[: tail + rest + random.randrange(3)], m.honest.trust)


def _place(signature: Any) -> tuple[int, int]:
    _, length, tail, _ = (int(value) for value in signature.byte_range)
    return length, tail


# The sidecar


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
    "twice": lambda said, random: _twice(said, random.choice(list(said))),
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


def _twice(said: dict[str, Any], name: str) -> str:
    text = json.dumps(said)
    return f"{{{json.dumps(name)}: {json.dumps(said[name])}, {text[1:]}"


# The log


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
    entries[place] = _twice(said, "data") if how == "twice" else json.dumps(said)
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


# Whom to trust, and what holds no longer


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
