"""Rules of PDF/A-3a (ISO 19005-3) and PDF/UA-1 (ISO 14289-1) that can be read off the file.

A document is held against them as it is printed, after it was signed, and after its archive was
renewed: signing appends to the file, and rewrites its metadata on the way.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree as ET

import pikepdf
import pytest

from expunge.certificates.signing import renew_pdf
from tests.expunge.certificates import samples
from tests.expunge.certificates.conftest import Issued
from tests.expunge.certificates.test_pages import NAMES, printed

pytestmark = pytest.mark.django_db  # the signed one was issued from a database, once

BLOCKS = {"Document", "Sect", "Div", "NonStruct", "P", "H1", "H2", "H3", "H4", "Span", "Caption"}
LISTS = {"L", "LI", "Lbl", "LBody"}
TABLES = {"Table", "THead", "TBody", "TR", "TH", "TD"}
PARENTS = {
    "LI": {"L"},
    "Lbl": {"LI"},
    "LBody": {"LI"},
    "THead": {"Table"},
    "TBody": {"Table"},
    "TR": {"Table", "THead", "TBody"},
    "TH": {"TR"},
    "TD": {"TR"},
}
PAINTING = {"Tj", "TJ", "'", '"', "S", "s", "f", "F", "f*", "B", "B*", "b", "b*", "Do", "sh"}
PAINTING.add("INLINE IMAGE")
PRINT, HIDDEN = 4, 1 | 2 | 32
NAMESPACES = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "dc": "http://purl.org/dc/elements/1.1/",
    "pdfaid": "http://www.aiim.org/pdfa/ns/id/",
    "pdfuaid": "http://www.aiim.org/pdfua/ns/id/",
    "schema": "http://www.aiim.org/pdfa/ns/schema#",
    "property": "http://www.aiim.org/pdfa/ns/property#",
}
STATES = ("printed", "of many scripts", "failed", "signed", "renewed")


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return {}


@pytest.fixture(params=STATES)
def document(request: Any, files: dict[str, bytes], issued: Issued) -> pikepdf.Pdf:
    make = {
        "printed": lambda: printed(samples.ASSISTANT),
        "of many scripts": lambda: printed(samples.BROKEN, controller=" ".join(NAMES)),
        "failed": lambda: printed(samples.REFUTED, samples.SHARDED, language="de"),
        "signed": lambda: issued.pdf,
        "renewed": lambda: renew_pdf(issued.pdf),
    }
    if request.param not in files:
        files[request.param] = make[request.param]()
    return pikepdf.open(io.BytesIO(files[request.param]))


def elements(node: Any, above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the structure elements in reading order, each with the types above it."""
    kids = node.get("/K", [])
    for kid in kids if isinstance(kids, pikepdf.Array) else [kids]:
        if isinstance(kid, pikepdf.Dictionary) and "/S" in kid:
            yield above, kid
            yield from elements(kid, (*above, kind(kid)))


def kind(element: Any) -> str:
    return str(element.S).removeprefix("/")


def tree(document: pikepdf.Pdf) -> list[tuple[tuple[str, ...], Any]]:
    return list(elements(document.Root.StructTreeRoot))


def test_every_element_is_of_a_standard_type_and_stands_where_it_may(document: pikepdf.Pdf) -> None:
    found = tree(document)
    assert [kind(item) for above, item in found if not above] == ["Document"]
    for above, item in found:
        own = kind(item)
        assert own in BLOCKS | LISTS | TABLES | {"Figure"}
        assert own not in PARENTS or above[-1] in PARENTS[own]
        assert own != "L" or item.A.ListNumbering == "/Disc"


def test_headings_begin_with_the_first_and_skip_no_level(document: pikepdf.Pdf) -> None:
    levels = [int(kind(item)[1]) for _, item in tree(document) if kind(item)[:1] == "H"]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(later <= sooner + 1 for sooner, later in pairwise(levels))


def test_every_cell_knows_its_headers(document: pikepdf.Pdf) -> None:
    cells = [item for _, item in tree(document) if kind(item) in {"TH", "TD"}]
    heads = {bytes(item.ID): item for item in cells if kind(item) == "TH"}
    listed = pikepdf.NameTree(document.Root.StructTreeRoot.IDTree)
    assert {name.encode() for name in listed} == set(heads)
    assert list(listed) == sorted(listed)
    for item in cells:
        if kind(item) == "TH":
            assert item.A.Scope in {"/Row", "/Column"}
        else:
            assert {bytes(name) for name in item.A.Headers} <= set(heads)
            assert any(heads[bytes(name)].A.Scope == "/Row" for name in item.A.Headers)


def test_rows_of_a_table_are_equally_long(document: pikepdf.Pdf) -> None:
    for _, table in tree(document):
        if kind(table) == "Table":
            rows = [item for _, item in elements(table) if kind(item) == "TR"]
            assert len({len(row.K) for row in rows}) == 1


def test_figures_say_what_they_show_and_where_they_are(document: pikepdf.Pdf) -> None:
    figures = [item for _, item in tree(document) if kind(item) == "Figure"]
    assert figures
    for item in figures:
        assert str(item.Alt).strip()
        left, low, right, high = (float(side) for side in item.A.BBox)
        _, _, width, height = (float(side) for side in item.Pg.MediaBox)
        assert 0 <= left < right <= width and 0 <= low < high <= height


def test_all_that_is_painted_is_in_the_tree_or_an_artifact(document: pikepdf.Pdf) -> None:
    hung = {item.objgen for _, item in tree(document)}
    numbers = pikepdf.NumberTree(document.Root.StructTreeRoot.ParentTree)
    for page in document.pages:
        owners, marks = numbers[int(page.StructParents)], []
        open_: list[int | None] = []
        for operands, operator in pikepdf.parse_content_stream(page):
            if str(operator) in {"BDC", "BMC"}:
                said = operands[1] if len(operands) > 1 else {}
                mark = int(said["/MCID"]) if "/MCID" in said else None
                assert mark is not None or operands[0] == "/Artifact"
                assert not open_  # content in an artifact, or the other way round
                open_.append(mark)
                marks += [mark] if mark is not None else []
            elif str(operator) == "EMC":
                open_.pop()
            assert open_ or str(operator) not in PAINTING
        assert len(marks) == len(set(marks))
        for mark in marks:
            assert owners[mark].objgen in hung and mark in [int(kid) for kid in owners[mark].K]


def test_the_catalog_says_language_title_and_tags(document: pikepdf.Pdf) -> None:
    root = document.Root
    assert str(root.Lang) in {"en", "de"}
    assert root.MarkInfo.Marked and not root.MarkInfo.get("/Suspects")
    assert root.ViewerPreferences.DisplayDocTitle
    assert all(page.Tabs == "/S" for page in document.pages)
    assert not {"/OpenAction", "/AA", "/Collection", "/OCProperties"} & set(root.keys())
    assert set(root.Names.keys()) == {"/EmbeddedFiles"}
    assert not document.is_encrypted and len(document.trailer.ID) == len(("first", "now"))


def test_the_metadata_claim_both_standards_and_explain_the_second(document: pikepdf.Pdf) -> None:
    xmp = ET.fromstring(document.Root.Metadata.read_bytes())  # noqa: S314 - our own file
    blocks = xmp.findall(".//rdf:RDF/rdf:Description", NAMESPACES)

    def said(prefix: str, name: str) -> list[str]:
        key = f"{{{NAMESPACES[prefix]}}}{name}"
        texts = [item.text or "" for item in xmp.iter(key) if item.text]
        links = [item.get(f"{{{NAMESPACES['rdf']}}}resource", "") for item in xmp.iter(key)]
        marks = [item.get(key, "") for item in xmp.iter()]
        return [text for text in (*texts, *links, *marks) if text]

    assert len(xmp.findall(".//rdf:RDF", NAMESPACES)) == 1 and blocks
    assert said("pdfaid", "part") == ["3"] and said("pdfaid", "conformance") == ["A"]
    assert said("pdfuaid", "part") == ["1"]
    assert said("schema", "namespaceURI") == [NAMESPACES["pdfuaid"]]
    assert said("schema", "prefix") == ["pdfuaid"] and said("property", "name") == ["part"]
    assert said("property", "category") == ["internal"]
    title = xmp.find(".//dc:title/rdf:Alt/rdf:li", NAMESPACES)
    assert title is not None and title.text == str(document.docinfo["/Title"])


def test_every_font_is_embedded_and_read_back_as_letters(document: pikepdf.Pdf) -> None:
    fonts = {font.objgen: font for page in document.pages for font in page.Resources.Font.values()}
    assert fonts
    for font in fonts.values():
        (inner,) = font.DescendantFonts
        assert font.Encoding == "/Identity-H" and inner.CIDToGIDMap == "/Identity"
        assert {"/FontFile2", "/FontFile3"} & set(inner.FontDescriptor.keys())
        assert b"beginbf" in font.ToUnicode.read_bytes()


def test_colours_have_a_profile_and_nothing_blends_in_an_odd_way(document: pikepdf.Pdf) -> None:
    (intent,) = document.Root.OutputIntents
    assert intent.S == "/GTS_PDFA1" and int(intent.DestOutputProfile.N) == len("rgb")
    for item in document.objects:
        if isinstance(item, pikepdf.Dictionary) and {"/ca", "/CA"} & set(item.keys()):
            assert item.get("/BM", "/Normal") == "/Normal" and "/SMask" not in item
        if isinstance(item, pikepdf.Stream):
            assert item.get("/ColorSpace") != "/DeviceCMYK" and "/F" not in item
            assert item.get("/Filter") != "/LZWDecode" and not item.get("/Interpolate")
    for page in document.pages:
        assert not {"k", "K"} & {str(item) for _, item in pikepdf.parse_content_stream(page)}


def test_attachments_say_what_they_are_and_belong_to_the_document(document: pikepdf.Pdf) -> None:
    named = pikepdf.NameTree(document.Root.Names.EmbeddedFiles)
    assert sorted(named) == ["log-entry.json", "statement.dsse.json"]
    associated = {item.objgen for item in document.Root.AF}
    for name, item in named.items():
        assert item.objgen in associated and item.AFRelationship == "/Data"
        assert str(item.UF) == name and str(item.F) == name and str(item.Desc)
        assert item.EF.F.Subtype == "/application/json" and item.EF.F.Params.ModDate


def test_what_is_on_a_page_beside_its_content_is_out_of_sight(document: pikepdf.Pdf) -> None:
    """There are no links. A signature's field has no size, and can be named nevertheless."""
    fields = [item for page in document.pages for item in page.get("/Annots", [])]
    for item in fields:
        assert item.Subtype == "/Widget" and item.FT == "/Sig" and str(item.TU)
        flags = int(item.F)
        assert flags & PRINT and not flags & HIDDEN  # hidden ones are not allowed in PDF/A
        assert [float(side) for side in item.Rect] == [0, 0, 0, 0]  # outside of what is cropped
        assert not set(item.keys()) & {"/A", "/AA", "/AP"}
    form = document.Root.get("/AcroForm")
    assert bool(form) is bool(fields)
    if form:
        assert not {"/XFA", "/NeedAppearances"} & set(form.keys())
        own = document.Root.Perms.DocMDP.Reference[0]
        assert not {"/DigestMethod", "/DigestValue", "/DigestLocation"} & set(own.keys())
