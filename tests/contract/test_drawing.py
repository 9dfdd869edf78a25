"""Drawings are readable without being seen, stay inside their frame and survive odd data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from contract.drawing.charts import AFTER, BEFORE, NEVER, chart_svg, tones
from contract.drawing.forest import forest_svg, sheets
from contract.drawing.scale import linear
from contract.report import Chart, CheckResult, Estimate, Verdict

SVG = "{http://www.w3.org/2000/svg}"
CHARTS = [
    Chart(
        "distribution",
        "How surprised the model is",
        "loss (nats per token)",
        "share of facts",
        (0.0, 1.0, 2.0, 3.0),
        {"before": (0.9, 0.1, 0.0), "after": (0.1, 0.3, 0.6), "never trained": (0.1, 0.4, 0.5)},
    ),
    Chart(
        "bars",
        "Answers given away",
        "wording",
        "share of facts",
        ("question", "cloze", "a rather long wording"),
        {"before": (1.0, 0.8, 0.9), "after": (0.0, 0.1, 0.0)},
    ),
    Chart(
        "curve",
        "Further training",
        "steps",
        "nats",
        (0.0, 16.0, 100.0),
        {"this person": (-0.1, 0.2, 0.4), "never trained": (0.0, 0.1, 0.3)},
    ),
]
RESULTS = [
    CheckResult(
        "membership",
        "Membership: are the records told?",
        Verdict.PASS,
        "reading",
        estimates=(Estimate("Loss attack, AUC", 0.55, 0.45, 0.65, 0.25, null=0.5),),
    ),
    CheckResult(
        "relearning",
        "Relearning: do they come back?",
        Verdict.FAIL,
        "reading",
        attack="relearn-forget-16",
        estimates=(Estimate("Share <there>", 0.9, 0.7, 1.4, 0.2), Estimate("no margin", 3.0)),
    ),
]
Change = Callable[[Chart], Chart]


def parsed(svg: str) -> ET.Element:
    return ET.fromstring(svg)  # noqa: S314 - our own text


def inside(root: ET.Element) -> bool:
    wide, tall = float(root.get("width") or 0), float(root.get("height") or 0)
    rects = all(
        float(mark.get("x") or 0) + float(mark.get("width") or 0) <= wide
        for mark in root.iter(f"{SVG}rect")
    )
    return rects and all(
        0 <= float(mark.get("x") or 0) <= wide and 0 <= float(mark.get("y") or 0) <= tall
        for mark in root.iter(f"{SVG}text")
    )


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.kind)
def test_a_chart_is_read_aloud_by_its_title_and_its_numbers(chart: Chart) -> None:
    root = parsed(chart_svg(chart))
    assert root.get("role") == "img"
    assert root.findtext(f"{SVG}title") == chart.title
    said = root.findtext(f"{SVG}desc") or ""
    assert all(name in said for name in chart.series)
    assert "style" not in chart_svg(chart), "the pages forbid inline styles"


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.kind)
@pytest.mark.parametrize("width", [330, 460])
def test_nothing_of_a_chart_is_drawn_outside_it(chart: Chart, width: int) -> None:
    assert inside(parsed(chart_svg(chart, width=width)))


@pytest.mark.parametrize(
    "change",
    [
        lambda chart: replace(chart, title='<script>"&', x_label="<b>"),
        lambda chart: replace(chart, series=dict.fromkeys(chart.series, (0.0,) * 10)),
        lambda chart: replace(chart, series=dict.fromkeys(chart.series, (-3.5,) * 10)),
        lambda chart: replace(chart, series={}),
    ],
    ids=["markup", "zeros", "negative", "empty"],
)
@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.kind)
def test_a_chart_survives_odd_data(chart: Chart, change: Change) -> None:
    parsed(chart_svg(change(chart)))


def test_before_after_and_strangers_keep_their_colours() -> None:
    found = tones({"after": (), "before": (), "never trained": (), "odd": ()})
    assert (found["before"], found["after"], found["never trained"]) == (BEFORE, AFTER, NEVER)
    assert len(set(found.values())) == 4


def test_shares_are_drawn_on_a_whole_scale() -> None:
    assert linear([0.2, 0.9], (0, 100), share=True).ticks()[-1] == 1.0


def test_every_estimate_with_a_margin_is_in_the_forest() -> None:
    root = parsed(forest_svg("Margins", RESULTS))
    said = root.findtext(f"{SVG}desc") or ""
    assert "Loss attack, AUC: 0.55 (0.45 to 0.65); tolerated: 0.25 around 0.5, inside" in said
    assert "after relearn forget 16, Share <there>" in said and "outside the margin" in said
    assert "no margin" not in said
    assert inside(root)


def test_a_stranger_stands_at_the_middle_and_the_margin_at_the_edge_of_the_band() -> None:
    def place(value: float) -> float:
        own = Estimate("AUC", value, margin=0.25, null=0.5)
        drawn = forest_svg("Margins", [replace(RESULTS[0], estimates=(own,))], width=400)
        return float(next(parsed(drawn).iter(f"{SVG}circle")).get("cx") or 0)

    band = next(parsed(forest_svg("Margins", RESULTS, width=400)).iter(f"{SVG}rect"))
    left, wide = float(band.get("x") or 0), float(band.get("width") or 0)
    assert place(0.5) == pytest.approx(left + wide / 2, abs=0.02)
    assert place(0.75) == pytest.approx(left + wide, abs=0.02)


def test_without_margins_there_is_no_forest() -> None:
    assert forest_svg("Margins", [replace(RESULTS[0], estimates=())]) == ""


def test_a_forest_that_is_too_tall_goes_on_in_the_next_drawing() -> None:
    many = [
        replace(RESULTS[0], title=f"Check {number}", estimates=RESULTS[0].estimates * number)
        for number in range(1, 9)
    ]
    parts = sheets(many, tallest=300)
    drawn = [parsed(forest_svg("Margins", part)) for part in parts]
    assert all(float(root.get("height") or 0) <= 300 and inside(root) for root in drawn)
    whole, cut = (
        [
            (result.title, own)
            for result in results
            for own in result.estimates
            if own.margin is not None
        ]
        for results in (many, [result for part in parts for result in part])
    )
    assert cut == whole
    assert sheets([], tallest=300) == []
