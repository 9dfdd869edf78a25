"""The page as a whole: its head, its parts in their order, its own content security policy."""

from __future__ import annotations

import base64
import hashlib
from html import escape
from pathlib import Path

from contract.page import sections
from contract.page.style import STYLE
from contract.report import Report

PAGE_FILE = "report.html"
TITLE = "Verification report"
_PARTS = (
    sections.decided,
    sections.resolved,
    sections.tried,
    sections.compared,
    sections.detailed,
    sections.rested,
    sections.limited,
    sections.spent,
    sections.fixed,
)
_PLACES = (
    ("resolve", "What would resolve it"),
    ("tried", "What was tried"),
    ("margins", "Margins"),
    ("checks", "Check by check"),
    ("gates", "What it rests on"),
    ("limits", "What it does not show"),
    ("cost", "Cost"),
    ("record", "For the record"),
    ("words", "Words"),
)


def page_policy() -> str:
    """Return the content security policy of the page: its own style sheet and nothing else."""
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def report_page(report: Report) -> str:
    """Return the page of a report."""
    body = "".join(part(report) for part in _PARTS) + sections.explained()
    places = "".join(
        f'<li><a href="#{name}">{word}</a></li>' for name, word in _PLACES if f'id="{name}"' in body
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(page_policy())}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        '<meta name="referrer" content="no-referrer">'
        f"<title>{TITLE}: {report.verdict.value.replace('_', ' ')}</title>"
        f"<style>{STYLE}</style></head><body>"
        f"<header><h1>{TITLE}</h1><p>Did the model forget? Made from the attacks on it, against "
        "people it never saw. No record's text is in this page.</p></header>"
        f'<nav aria-label="On this page"><ul>{places}</ul></nav><main>{body}</main>'
        "<footer><p>Made from the machine-readable report of the same verification; where the two "
        "differ, that one counts.</p></footer></body></html>\n"
    )


def write_page(folder: Path, report: Report) -> None:
    """Write ``report.html`` beside the report."""
    (folder / PAGE_FILE).write_text(report_page(report), encoding="utf-8")
