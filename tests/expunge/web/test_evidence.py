"""What the verifier wrote in English, on a page in German."""

from __future__ import annotations

from dataclasses import replace

from django.utils import translation

from contract.report import Chart, CheckResult, Estimate, Report, Verdict
from expunge.web.templatetags.evidence import (
    attack_said,
    chart_figure,
    forest_figure,
    spoken,
)

CHART = Chart("curve", "before", "steps of the attack", "after", (1.0, 2.0), {"before": (0.0, 1.0)})
UNKNOWN = replace(CHART, title="A title of tomorrow")


def test_a_sentence_of_the_phrasebook_is_said_and_another_is_marked_as_english() -> None:
    with translation.override("de"):
        assert spoken("24 records") == "24 Datensätze"
        assert spoken("A <b>new</b> one.") == (
            '<span lang="en">A &lt;b&gt;new&lt;/b&gt; one.</span>'
        )
        assert attack_said("relearn-forget-16") == "16 Schritten Wiederlernen aus den Tatsachen"
        assert attack_said("of-tomorrow") == "of-tomorrow"
    with translation.override("en"):
        assert spoken("24 records") == "24 records"
        assert attack_said("relearn-forget-16") == "relearn forget 16"


def test_a_chart_is_drawn_whole_in_one_language_and_says_which() -> None:
    with translation.override("de"):
        german, english = chart_figure(CHART), chart_figure(UNKNOWN)
    assert 'lang="de"' in german and ">vorher<" in german and ">before<" not in german
    assert 'lang="en"' in english and ">before<" in english and ">vorher<" not in english


def test_margins_are_drawn_in_the_language_of_the_page() -> None:
    check = CheckResult(
        check="membership",
        title="Membership: are the records told from never-trained ones?",
        verdict=Verdict.PASS,
        reading="This is in no book.",
        estimates=(Estimate("forget_advantage", 0.2, 0.1, 0.3, 0.5),),
    )
    report = Report(Verdict.PASS, "erasure", 1, "Done.", checks=(check,))
    with translation.override("de"):
        drawn = forest_figure(report)
        assert forest_figure(replace(report, checks=())) == ""
    assert 'lang="de"' in drawn and "Jeder Schätzwert gegen seine Grenze" in drawn
    assert "Zugehörigkeit" in drawn and "0,2" in drawn and "margin" not in drawn
