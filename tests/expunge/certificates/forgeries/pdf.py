"""Forgeries of the PDF."""

from __future__ import annotations

import io
from dataclasses import replace
from random import Random
from typing import Any

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader

from tests.expunge.certificates.forgeries.shown import Materials, Shown, flipped, forgery


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
