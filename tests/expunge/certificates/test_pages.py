"""The printed document: what it says, to whom it can be read, and its charts."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, date, datetime

import pypdf
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from expunge.audit import checkpoint as notes
from expunge.certificates.document import duration, quantity
from expunge.certificates.evidence import LogProof
from expunge.certificates.facts import ExemptionFacts, ModelFacts
from expunge.certificates.pdf import Imprint, printable, render_pdf
from expunge.certificates.statement import Identity, build_statement
from tests.expunge.certificates import samples

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
NOTE = notes.sign(notes.Checkpoint("log.example/audit", 43, bytes(32)), KEY)
IMPRINT = Imprint("sha256:1", "sha256:2", "Expunge certificates", "log.example/audit+00+00")


def printed(
    *models: ModelFacts,
    controller: str = "St. Hildegard",
    exemptions: tuple[ExemptionFacts, ...] = (),
) -> bytes:
    identity = Identity(
        "5f0c1a52", "EC-2026-7K3M-9QPT", "Issuer", datetime(2026, 11, 20, tzinfo=UTC), "log"
    )
    facts = replace(samples.FACTS, models=models, controller=controller, exemptions=exemptions)
    proof = LogProof(42, b"{}", [], NOTE, b"token")
    return render_pdf(build_statement(facts, identity), b"{}", proof, IMPRINT)


@pytest.fixture(scope="module")
def erasure() -> pypdf.PdfReader:
    return pypdf.PdfReader(io.BytesIO(printed(samples.ASSISTANT)))


def text(reader: pypdf.PdfReader) -> str:
    return " ".join(" ".join(page.extract_text().split()) for page in reader.pages)


def test_the_first_page_says_what_was_shown_and_what_was_not(erasure: pypdf.PdfReader) -> None:
    first = " ".join(erasure.pages[0].extract_text().split())
    for words in (
        "Certificate of erasure",
        "What was shown",
        "What was not shown",
        "EC-2026-7K3M-9QPT",
        "T-2026-0007",
        "ward assistant v1, replaced by v2",
        "Signed electronically by",
    ):
        assert words in first


def test_the_pages_tell_what_was_tried_and_why_it_escalated(erasure: pypdf.PdfReader) -> None:
    words = text(erasure)
    for part in (
        "Negative preference optimisation",
        "They come back: 14 of 24 facts after 16 steps",
        "Attempt 1 was refuted",
        "0.44 to 0.62",
        "A quantised copy of the model was not tested.",
        "expunge-verify certificate.pdf",
        "entry 42, checkpoint of 43 entries",
    ):
        assert part in words
    assert "compliant" not in words.casefold() and "anonym" not in words.casefold()


def test_the_pages_name_what_was_kept_and_why() -> None:
    kept = ExemptionFacts("patients", "study", "legal_claims", "Art. 17(3)(e)", date(2027, 5, 3))
    said = text(pypdf.PdfReader(io.BytesIO(printed(samples.ASSISTANT, exemptions=(kept,)))))
    assert "What was kept, and why" in said
    assert "patients, study" in said and "Art. 17(3)(e)" in said and "3 May 2027" in said


def test_it_claims_to_last_and_to_be_accessible(erasure: pypdf.PdfReader) -> None:
    metadata = erasure.xmp_metadata
    assert metadata is not None
    xmp = metadata.stream.get_data().decode()
    assert 'pdfaid:part="3"' in xmp and 'pdfaid:conformance="A"' in xmp
    assert "<pdfuaid:part>1</pdfuaid:part>" in xmp
    assert xmp.count("</rdf:RDF>") == 1
    root = erasure.trailer["/Root"].get_object()
    assert root["/Lang"] == "en" and root["/MarkInfo"]["/Marked"]
    assert sorted(erasure.attachments) == ["log-entry.json", "statement.dsse.json"]


def test_every_font_is_embedded(erasure: pypdf.PdfReader) -> None:
    for page in erasure.pages:
        for font in page["/Resources"]["/Font"].values():
            (inner,) = font.get_object()["/DescendantFonts"]
            assert "/FontFile2" in inner.get_object()["/FontDescriptor"].get_object()
            assert "Noto" in str(inner.get_object()["/BaseFont"])


@pytest.mark.parametrize(
    ("model", "title", "certifies"),
    [
        (samples.BEHAVED, "Certificate of behavioural removal", True),
        (samples.GUARDED, "Notice of containment only", False),
        (samples.REFUTED, "Statement of failed verification", False),
        (samples.BROKEN, "Statement of failed verification", False),
    ],
)
def test_the_kinds_cannot_be_confused(model: ModelFacts, title: str, certifies: bool) -> None:  # noqa: FBT001
    first = pypdf.PdfReader(io.BytesIO(printed(model))).pages[0].extract_text()
    assert title in " ".join(first.split())
    assert ("This is not a certificate" in first) is not certifies
    assert "Certificate of erasure" not in first


def test_the_same_statement_prints_to_the_same_bytes() -> None:
    assert printed(samples.REFUTED) == printed(samples.REFUTED)


def test_a_character_without_a_glyph_is_spelled_out() -> None:
    assert printable("Zoë ≤ Жуков 東") == "Zoë <= Жуков [U+6771]"
    reader = pypdf.PdfReader(
        io.BytesIO(printed(samples.REFUTED, controller="東 <b>Klinik</b> & Co"))
    )
    assert "[U+6771] <b>Klinik</b> & Co" in " ".join(reader.pages[0].extract_text().split())


def test_numbers_are_short_and_never_invented() -> None:
    assert [quantity(value) for value in (None, 0.0, 0.53149, 12345.0, 0.00002)] == [
        "\u2013",
        "0",
        "0.531",
        "1.2e+04",
        "2.0e-05",
    ]
    assert [duration(value) for value in (0.2, 42, 83, 7300)] == [
        "under 1 s",
        "42 s",
        "1 min 23 s",
        "2 h 1 min",
    ]
