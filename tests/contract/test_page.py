"""The report's page: whole, readable by anyone, and nothing in it but itself."""

from __future__ import annotations

import base64
import hashlib
import itertools
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from contract.page import PAGE_FILE, page_policy, report_page, write_page
from contract.report import Chart, CheckResult, Estimate, Gate, Report, Tier, Verdict

CHART = Chart("bars", "Answers", "wording", "share", ("question",), {"after": (0.1,)})
CHECKS = (
    CheckResult(
        "membership",
        "Membership: are the records told?",
        Verdict.PASS,
        "An attacker guesses.",
        estimates=(Estimate("Loss attack, AUC", 0.55, 0.45, 0.65, 0.25, 0.3, 0.01, null=0.5),),
        before=(Estimate("Loss attack, AUC", 0.99), Estimate("Only before", 2.0)),
        records=24,
        controls=288,
        charts=(CHART,),
        forward_passes=1200,
        tokens=34567,
        seconds=3.5,
    ),
    CheckResult(
        "relearning",
        "Relearning: do they come back?",
        Verdict.PASS,
        "They do not.",
        attack="relearn-forget-16",
        estimates=(Estimate("Share there", 0.05, -0.1, 0.15, 0.2),),
        charts=(CHART,),
    ),
    CheckResult("probe", "A probe", Verdict.FAIL, "Something is seen.", mandatory=False),
)
REPORT = Report(
    Verdict.PASS,
    "gdpr",
    2,
    "The model treats the 24 records as those of people it never saw.",
    tier=Tier.ERASURE,
    gates=(Gate("power", "There are enough records", Verdict.PASS, "power is 0.95"),),
    checks=CHECKS,
    limits=("Only these weights were tested.",),
    preregistration="sha256:" + "1" * 64,
    original="sha256:" + "2" * 64,
    candidate="sha256:" + "3" * 64,
    records=24,
    twins=288,
    twin_subjects=12,
    forward_passes=4321,
    tokens=98765,
    seconds=83.0,
    alpha=0.025,
    earlier_attempts=1,
    versions={"torch": "2.9"},
)
VOID = {"meta", "br", "line", "rect", "circle", "path", "polyline"}


class Tree(HTMLParser):
    """Keeps the tags, the text and the references of a page, and whether it is well nested."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def tree() -> Tree:
    return Tree(report_page(REPORT))


def test_the_page_says_everything_the_report_does(tree: Tree) -> None:
    assert not tree.open
    for said in (
        REPORT.summary,
        *(item.title for item in CHECKS),
        *(item.reading for item in CHECKS),
        *REPORT.limits,
        str(REPORT.preregistration),
        str(REPORT.candidate),
        "Power is 0.95.",
        "gdpr, version 2",
        "number 2",
        "0.025",
        "torch 2.9",
        "4\u202f321",
        "98\u202f765",
        "1 min 23 s".replace(" ", "\u202f").replace("min\u202f23", "min 23"),
        "Only before",
    ):
        assert said in tree.text, said


def test_the_page_loads_nothing_and_runs_nothing(tree: Tree) -> None:
    page = report_page(REPORT)
    names = {tag for tag, _ in tree.tags}
    assert names.isdisjoint({"script", "link", "img", "iframe", "object", "form"})
    for _, attrs in tree.tags:
        assert not {"src", "style", "onclick"} & attrs.keys()
        assert (attrs.get("href") or "#").startswith("#")
    assert "url(" not in page and "@import" not in page
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"'sha256-{digest}'" in page_policy() and digest in page


def test_every_place_it_links_to_is_there(tree: Tree) -> None:
    ids = [attrs["id"] for _, attrs in tree.tags if "id" in attrs]
    links = [str(attrs["href"])[1:] for tag, attrs in tree.tags if tag == "a"]
    assert len(ids) == len(set(ids))
    assert links and set(links) <= set(ids)
    labels = {attrs["aria-labelledby"] for _, attrs in tree.tags if "aria-labelledby" in attrs}
    assert labels <= set(ids)


def test_a_chart_that_two_checks_share_is_drawn_once(tree: Tree) -> None:
    drawn = [tag for tag, _ in tree.tags if tag == "svg"]
    assert len(drawn) == 2, "the chart and the plot of the margins"


def test_headings_do_not_skip_a_level(tree: Tree) -> None:
    levels = [int(tag[1]) for tag, _ in tree.tags if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


@pytest.mark.parametrize("verdict", Verdict)
def test_every_verdict_is_said_in_words_and_what_would_resolve_it(verdict: Verdict) -> None:
    passed = verdict is Verdict.PASS
    report = replace(
        REPORT,
        verdict=verdict,
        tier=Tier.EXACT if passed else None,
        reasons=() if passed else ("too little is known",),
        remedies=() if passed else ("Add records.",),
    )
    text = Tree(report_page(report)).text
    assert ("What would resolve it" in text) is not passed
    assert ("exact erasure" in text) is passed
    if not passed:
        assert "Too little is known." in text and "Add records." in text


def test_what_a_report_says_cannot_become_markup() -> None:
    hostile = '<script>alert("1")</script>'
    check = replace(CHECKS[0], title=hostile, reading=hostile, reasons=(hostile,))
    report = replace(REPORT, summary=hostile, checks=(check,), versions={hostile: hostile})
    page = Tree(report_page(report))
    assert "script" not in {tag for tag, _ in page.tags}
    assert hostile in page.text


def test_a_report_of_a_failed_verification_makes_a_page_too(tmp_path: Path) -> None:
    write_page(tmp_path, Report(Verdict.INVALID, "unknown", 0, "It could not be carried out."))
    page = (tmp_path / PAGE_FILE).read_text(encoding="utf-8")
    assert "It could not be carried out." in page
    assert not Tree(page).open
