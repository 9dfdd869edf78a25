"""The printed document: what it says, to whom it can be read, and its charts."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import unicodedata
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pypdf
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from weasyprint import HTML, svg

from expunge.audit import checkpoint as notes
from expunge.certificates import lettering
from expunge.certificates.evidence import LogProof
from expunge.certificates.facts import ExemptionFacts, Language, ModelFacts
from expunge.certificates.glyphs import FONTS, faces, printable
from expunge.certificates.pdf import Imprint, PrintError, render_pdf
from expunge.certificates.qr import code_text
from expunge.certificates.statement import Identity, build_statement, read_predicate
from expunge.common.errors import InvalidInputError
from tests.expunge.certificates import samples

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
NOTE = notes.sign(notes.Checkpoint("log.example/audit", 43, bytes(32)), KEY)
IMPRINT = Imprint("sha256:1", "sha256:2", "Expunge certificates", "log.example/audit+00+00")


IDENTITY = Identity(
    "5f0c1a52",
    "EC-2026-7K3M-9QPT",
    "Issuer",
    datetime(2026, 11, 20, tzinfo=UTC),
    "log.example/audit",
    status_url="https://expunge.example/certificates/status.json",
)


def printed(
    *models: ModelFacts,
    controller: str = "St. Hildegard",
    language: Language = "en",
    exemptions: tuple[ExemptionFacts, ...] = (),
) -> bytes:
    facts = replace(
        samples.FACTS,
        models=models,
        controller=controller,
        exemptions=exemptions,
        language=language,
    )
    proof = LogProof(42, b"{}", [], NOTE, b"token")
    return render_pdf(build_statement(facts, IDENTITY), b"{}", proof, IMPRINT)


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


def test_a_document_without_one_of_its_drawings_is_not_printed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(svg.TAGS, "line", None)
    with pytest.raises(PrintError, match="Failed to render SVG"):
        printed(samples.ASSISTANT)


@pytest.mark.parametrize(
    ("label", "letters"),
    [
        ('<text x="9" y="9" text-anchor="end">kept apart</text>', 0),
        ('<text x="9" y="9" dx="2">kept apart</text>', 1),
        ('<text x="9 12" y="9">kept apart</text>', 1),
        ('<text x="9" y="9">kept <tspan>apart</tspan></text>', 2),
    ],
)
def test_only_what_asks_for_more_than_a_label_is_set_letter_by_letter(
    monkeypatch: pytest.MonkeyPatch, label: str, letters: int
) -> None:
    seen: list[Any] = []
    whole = lettering._LETTER_BY_LETTER

    def watched(drawing: Any, node: Any, size: float) -> None:
        seen.append(node)
        whole(drawing, node, size)

    monkeypatch.setattr(lettering, "_LETTER_BY_LETTER", watched)
    page = HTML(string=f'<svg xmlns="http://www.w3.org/2000/svg" width="90">{label}</svg>')
    reader = pypdf.PdfReader(io.BytesIO(page.write_pdf()))
    assert "kept" in text(reader).replace(" ", "")
    assert len(seen) == letters


def test_the_pages_tell_what_was_tried_and_why_it_escalated(erasure: pypdf.PdfReader) -> None:
    words = text(erasure)
    for part in (
        "Negative preference optimisation",
        "40% of what the model had memorised is there again",
        "npo was refuted by relearning",
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


NAMES = (
    "\N{GREEK CAPITAL LETTER OMEGA}\N{GREEK SMALL LETTER ALPHA WITH TONOS}",
    "\N{CYRILLIC CAPITAL LETTER ZHE}\N{CYRILLIC SMALL LETTER IO}",
    "\N{LATIN CAPITAL LETTER S WITH CEDILLA}i\N{LATIN SMALL LETTER G WITH BREVE}",  # Turkish
    "\N{LATIN CAPITAL LETTER L WITH STROKE}\N{LATIN SMALL LETTER Z WITH ACUTE}",  # Polish
    "\u6771\u4eac\u75c5\u9662",  # Japanese
    "\uc11c\uc6b8",  # Korean
    "\u0645\u0633\u062a\u0634\u0641\u0649",  # Arabic
    "\u05d1\u05d9\u05ea",  # Hebrew
)


def test_a_name_in_any_of_these_scripts_is_printed_with_an_embedded_font() -> None:
    reader = pypdf.PdfReader(io.BytesIO(printed(samples.BROKEN, controller=" ".join(NAMES))))
    # Arabic is stored in the shapes its letters take side by side.
    said = unicodedata.normalize("NFKC", reader.pages[0].extract_text())
    assert not set("".join(NAMES)) - set(said)
    families = set()
    for page in reader.pages:
        for font in page["/Resources"]["/Font"].values():
            (inner,) = font.get_object()["/DescendantFonts"]
            assert "/FontFile2" in inner.get_object()["/FontDescriptor"].get_object()
            families.add(str(inner.get_object()["/BaseFont"]).partition("+")[2])
    assert any("Droid" in family for family in families)
    assert any("Arabic" in family for family in families)


def test_a_letter_that_no_font_has_is_refused_and_a_sign_is_spelled_out() -> None:
    assert printable("Zo\u00eb \u2264 \U0001f3e5") == "Zo\u00eb <= [U+1F3E5]"
    with pytest.raises(InvalidInputError, match=r"U\+0E42.*EXPUNGE_FONTS_DIR"):
        printed(samples.BROKEN, controller="\u0e42\u0e23\u0e07\u0e1e\u0e22\u0e32\u0e1a\u0e32\u0e25")


def test_a_font_of_the_operators_widens_what_can_be_printed(settings: Any, tmp_path: Path) -> None:
    shutil.copy(FONTS / "NotoSansHebrew-Regular.ttf", tmp_path / "House-Regular.ttf")
    settings.EXPUNGE_FONTS_DIR = str(tmp_path)
    assert "House" in {face.family for face in faces()}


def test_a_long_report_is_printed_whole_and_nothing_runs_over_the_foot(tmp_path: Path) -> None:
    undone = samples.ASSISTANT.attempts[-1]
    assert undone.report is not None
    first = undone.report.checks[0]
    many = tuple(replace(first, attack=f"prune-{share}") for share in range(1, 15))
    report = replace(undone.report, checks=many)
    model = replace(samples.ASSISTANT, attempts=(replace(undone, report=report),))
    (tmp_path / "long.pdf").write_bytes(printed(model))
    command = ["pdftotext", "-bbox", str(tmp_path / "long.pdf"), "-"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    words = re.findall(r'yMax="([0-9.]+)">(.+?)</word>', said)
    foot = {height for height, word in words if word == "EC-2026-7K3M-9QPT" and float(height) > 780}
    assert len(foot) == 1
    assert all(float(height) < 790 for height, _ in words if height not in foot)
    assert said.count(">tolerated:<") == 2 * len(many)


@pytest.mark.parametrize(("language", "count"), [("de", 2), ("en", 6)])
def test_the_signature_stands_on_the_first_page(language: Language, count: int) -> None:
    others = [replace(samples.SHARDED, name=f"model {number}") for number in range(1, count)]
    pages = pypdf.PdfReader(io.BytesIO(printed(samples.REFUTED, *others, language=language))).pages
    first = " ".join(pages[0].extract_text().split())
    assert {"en": "Signed electronically", "de": "Elektronisch signiert"}[language] in first


def test_names_are_text_and_never_markup() -> None:
    reader = pypdf.PdfReader(io.BytesIO(printed(samples.BROKEN, controller="<b>Klinik</b> & Co")))
    assert "<b>Klinik</b> & Co" in " ".join(reader.pages[0].extract_text().split())


def test_the_code_is_an_extra_that_says_what_the_last_page_says() -> None:
    said = read_predicate(build_statement(samples.FACTS, IDENTITY))
    lines = code_text(said, "ab" * 32).splitlines()
    assert lines == [
        "EXPUNGE EC-2026-7K3M-9QPT",
        "id 5f0c1a52",
        f"statement sha256 {'ab' * 32}",
        "status https://expunge.example/certificates/status.json",
    ]
