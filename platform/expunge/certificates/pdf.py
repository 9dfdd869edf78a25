"""The human certificate: PDF/A-3a and PDF/UA-1, printed from the statement and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from django.template.loader import render_to_string
from django.utils import timezone, translation
from fontTools.ttLib import TTFont
from pydyf import Stream
from weasyprint import CSS, HTML, Attachment
from weasyprint.text.fonts import FontConfiguration
from weasyprint.urls import URLFetcher

from expunge.audit import checkpoint as notes
from expunge.certificates.document import Document, read_document
from expunge.certificates.evidence import (
    DESCRIPTIONS,
    ENVELOPE_FILE,
    PROOF_FILE,
    LogProof,
    write_proof,
)

FONTS = Path(__file__).parent / "fonts"
UNIVERSAL_ACCESS = b"""<rdf:Description rdf:about="" xmlns:pdfuaid="http://www.aiim.org/pdfua/ns/id/">
<pdfuaid:part>1</pdfuaid:part></rdf:Description>
<rdf:Description rdf:about="" xmlns:pdfaExtension="http://www.aiim.org/pdfa/ns/extension/"
 xmlns:pdfaSchema="http://www.aiim.org/pdfa/ns/schema#"
 xmlns:pdfaProperty="http://www.aiim.org/pdfa/ns/property#"><pdfaExtension:schemas><rdf:Bag>
<rdf:li rdf:parseType="Resource"><pdfaSchema:schema>PDF/UA identification</pdfaSchema:schema>
<pdfaSchema:namespaceURI>http://www.aiim.org/pdfua/ns/id/</pdfaSchema:namespaceURI>
<pdfaSchema:prefix>pdfuaid</pdfaSchema:prefix><pdfaSchema:property><rdf:Seq>
<rdf:li rdf:parseType="Resource"><pdfaProperty:name>part</pdfaProperty:name>
<pdfaProperty:valueType>Integer</pdfaProperty:valueType>
<pdfaProperty:category>internal</pdfaProperty:category>
<pdfaProperty:description>Part of ISO 14289</pdfaProperty:description></rdf:li>
</rdf:Seq></pdfaSchema:property></rdf:li></rdf:Bag></pdfaExtension:schemas></rdf:Description>
</rdf:RDF>"""
REPLACEMENTS = {"\u2264": "<=", "\u2265": ">=", "\u2192": "->", "\u2248": "~", "\u2212": "-"}
_ONLY_FILES = URLFetcher(allowed_protocols=["file"])


@dataclass(frozen=True)
class Imprint:
    """What the page prints about its own evidence: who signed, and where the log has it."""

    statement_key: str
    document_key: str
    document_signer: str
    log_key: str


def render_pdf(statement: bytes, envelope: bytes, proof: LogProof, imprint: Imprint) -> bytes:
    """Return the unsigned PDF of a statement, with its evidence attached.

    The same input gives the same bytes.
    """
    document = read_document(statement)
    checkpoint = notes.parse(proof.checkpoint)
    values = {
        "document": document,
        "imprint": imprint,
        "proof": proof,
        "checkpoint": checkpoint,
        "root": checkpoint.root.hex(),
        "statement_digest": sha256(statement).hexdigest(),
    }
    # The page is the same whoever's worker, language and time zone prints it.
    with timezone.override(UTC), translation.override("en"):
        html = render_to_string("certificates/certificate.html", values)
    fonts = FontConfiguration()
    files = {ENVELOPE_FILE: envelope, PROOF_FILE: write_proof(proof)}
    pdf: bytes = HTML(string=printable(html), url_fetcher=_ONLY_FILES).write_pdf(
        stylesheets=[_style_sheet(fonts, document)],
        font_config=fonts,
        pdf_variant="pdf/a-3a",
        pdf_identifier=sha256(document.id.encode()).digest()[:16],
        attachments=[_attachment(name, data, document.issued_at) for name, data in files.items()],
        finisher=_finish,
        uncompressed_pdf=True,
    )
    return pdf


def printable(text: str) -> str:
    """Return the text with every character the fonts lack spelled out.

    A missing glyph would break PDF/A without a word; the statement keeps the exact text.
    """
    known = _characters()
    return "".join(
        character
        if ord(character) in known or character in "\n\t"
        else REPLACEMENTS.get(character, f"[U+{ord(character):04X}]")
        for character in text
    )


@cache
def _characters() -> frozenset[int]:
    faces = [TTFont(path) for path in sorted(FONTS.glob("*.ttf"))]
    maps: list[set[int]] = [set(face.getBestCmap()) for face in faces]
    return frozenset(set.intersection(*maps))


def _style_sheet(fonts: FontConfiguration, document: Document) -> CSS:
    text = render_to_string(
        "certificates/certificate.css", {"fonts": FONTS.as_uri(), "document": document}
    )
    return CSS(string=text, font_config=fonts, url_fetcher=_ONLY_FILES)


def _attachment(name: str, data: bytes, moment: datetime) -> Attachment:
    return Attachment(
        string=data,
        name=name,
        description=DESCRIPTIONS[name],
        relationship="Data",
        created=moment,
        modified=moment,
    )


def _finish(_document: Any, pdf: Any) -> None:
    """Add the PDF/UA identifier beside that of PDF/A, and compress the streams one by one.

    Both claims must stand in one block of metadata. Streams are compressed here because
    WeasyPrint would also pack all objects into one stream, which makes a validator that looks
    at every object a hundred times slower.
    """
    for item in pdf.objects:
        if not isinstance(item, Stream):
            continue
        if item.extra.get("Type") == "/Metadata":
            item.stream = [part.replace(b"</rdf:RDF>", UNIVERSAL_ACCESS) for part in item.stream]
        else:
            item.compress = item.compress or "Filter" not in item.extra
