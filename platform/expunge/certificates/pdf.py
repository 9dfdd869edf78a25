"""The human certificate: PDF/A-3a and PDF/UA-1, printed from the statement and nothing else."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from asn1crypto import cms
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.safestring import mark_safe
from django.utils.translation import gettext
from pydyf import Stream
from weasyprint import CSS, HTML, LOGGER, Attachment
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
from expunge.certificates.glyphs import Face, faces_for, printable
from expunge.certificates.lettering import set_labels_whole
from expunge.certificates.qr import code_svg, code_text
from expunge.certificates.statement import read_predicate
from expunge.certificates.tags import complete_tags

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
_ONLY_FILES = URLFetcher(allowed_protocols=["file"])
set_labels_whole()


class PrintError(RuntimeError):
    """The printer left something out: such a document is not to be signed."""


@dataclass(frozen=True)
class Imprint:
    """What the page prints about its own evidence: who signed, and where the log has it."""

    statement_key: str
    document_key: str
    document_signer: str
    log_key: str


def render_pdf(statement: bytes, envelope: bytes, proof: LogProof, imprint: Imprint) -> bytes:
    """Return the unsigned PDF of a statement, with its evidence attached.

    The same input gives the same bytes, whoever's worker, language and time zone prints it: the
    language is that of the statement.

    Raises:
        InvalidInputError: ``glyph_missing``.
        PrintError: Something of the page could not be drawn.
    """
    said = read_predicate(statement)
    with timezone.override(UTC), translation.override(said.language):
        document = read_document(said)
        html = printable(_html(document, statement, proof, imprint))
        style = _style_text(document, faces_for(html))
    files = {ENVELOPE_FILE: envelope, PROOF_FILE: write_proof(proof)}
    attachments = [_attachment(name, data, document.said.issued_at) for name, data in files.items()]
    fonts = FontConfiguration()
    with _unswept(), _nothing_left_out():
        pdf: bytes = HTML(string=html, url_fetcher=_ONLY_FILES).write_pdf(
            stylesheets=[CSS(string=style, font_config=fonts, url_fetcher=_ONLY_FILES)],
            font_config=fonts,
            pdf_variant="pdf/a-3a",
            pdf_identifier=sha256(document.said.id.encode()).digest()[:16],
            attachments=attachments,
            finisher=_finish,
            uncompressed_pdf=True,
        )
    return pdf


@contextmanager
def _unswept() -> Iterator[None]:
    """Look for no garbage meanwhile.

    A document is some hundred thousand objects, all of which live until it is printed. To go
    through them again and again takes a seventh of the time.
    """
    swept = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if swept:
            gc.enable()


class _Complaints(logging.Handler):
    """Keeps what a log is told from errors upwards."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one message."""
        self.found.append(record.getMessage())


@contextmanager
def _nothing_left_out() -> Iterator[None]:
    """Fail where WeasyPrint says in its log that it failed, and goes on without the drawing."""
    said = _Complaints()
    LOGGER.addHandler(said)
    try:
        yield
    finally:
        LOGGER.removeHandler(said)
    if said.found:
        raise PrintError(said.found[0])


def _html(document: Document, statement: bytes, proof: LogProof, imprint: Imprint) -> str:
    checkpoint = notes.parse(proof.checkpoint)
    digest = sha256(statement).hexdigest()
    title = gettext(
        "QR code with the number, the id and the digest of this document and the address of the "
        "list of revoked documents; all of it is printed under 'What to compare'."
    )
    values = {
        "document": document,
        "said": document.said,
        "imprint": imprint,
        "proof": proof,
        "checkpoint": checkpoint,
        "root": checkpoint.root.hex(),
        "statement_digest": digest,
        "authority": authority(proof.token),
        # Built by us from a fixed drawing: safe to place as it is.
        "code": mark_safe(code_svg(code_text(document.said, digest), title)),  # noqa: S308
    }
    return render_to_string("certificates/certificate.html", values)


def authority(token: bytes) -> str:
    """Return the name of the timestamp authority that signed a token; empty if it has none."""
    try:
        signed = cms.ContentInfo.load(token)["content"]
        serial = signed["signer_infos"][0]["sid"].chosen["serial_number"].native
        for item in signed["certificates"]:
            if item.chosen.serial_number == serial:
                return str(item.chosen.subject.native.get("common_name", ""))
    except (ValueError, TypeError, KeyError, IndexError):
        pass
    return ""


def _style_text(document: Document, faces: Sequence[Face]) -> str:
    """Return the style sheet."""
    return render_to_string(
        "certificates/certificate.css",
        {
            "faces": faces,
            "families": list(dict.fromkeys(face.family for face in faces)),
            "document": document,
        },
    )


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
    """Complete the tags, add the PDF/UA identifier, and compress the streams one by one.

    Both claims must stand in one block of metadata. Streams are compressed here because
    WeasyPrint would also pack all objects into one stream, which makes a validator that looks
    at every object a hundred times slower.
    """
    complete_tags(pdf)
    for item in pdf.objects:
        if not isinstance(item, Stream):
            continue
        if item.extra.get("Type") == "/Metadata":
            item.stream = [part.replace(b"</rdf:RDF>", UNIVERSAL_ACCESS) for part in item.stream]
        else:
            item.compress = item.compress or "Filter" not in item.extra
