"""Marks, places and numbers as the pages show them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from django import template
from django.http import QueryDict
from django.urls import reverse
from django.utils.formats import date_format, get_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from contract.page.numbers import duration
from contract.report import Estimate, Verdict
from expunge.jobs.states import AttemptState, JobState, ReviewState
from expunge.tickets import citations
from expunge.tickets.listing import Order
from expunge.tickets.models import Outcome, Ticket
from expunge.tickets.regimes import regime_named
from expunge.tickets.rules import Task, today_at
from expunge.tickets.states import TERMINAL, TicketState
from expunge.web import words
from expunge.web.reasons import reason_words
from expunge.web.ticket_filter import Listing

register = template.Library()
KINDS = {
    "ticket": TicketState,
    "job": JobState,
    "attempt": AttemptState,
    "review": ReviewState,
    "verdict": Verdict,
    "outcome": Outcome,
}
DIGEST_CHARACTERS = 12
SOON_DAYS = 7
SHORT_ID = 8


@register.simple_tag
def mark(kind: str, value: str) -> SafeString:
    """Return a state or verdict as a word in its tone."""
    word = words.word_for(KINDS[kind], value)
    return format_html('<span class="mark mark-{}">{}</span>', word.tone, word.label)


@register.simple_tag
def sentence(kind: str, value: str) -> str:
    """Return the sentence that explains a state."""
    return str(words.word_for(KINDS[kind], value).sentence)


@register.simple_tag
def label(kind: str, value: str) -> str:
    """Return a state as a plain word."""
    return str(words.word_for(KINDS[kind], value).label)


@register.simple_tag(takes_context=True)
def place(context: dict[str, Any], name: str, title: str) -> SafeString:
    """Return an entry of the menu, marked when the current page stands below it."""
    url = reverse(name)
    path = context["request"].path if "request" in context else ""
    longer = [other for other in _PLACES if other != name and reverse(other).startswith(url)]
    here = path == url or (
        path.startswith(url)
        and name != "web:dashboard"
        and not any(path.startswith(reverse(other)) for other in longer)
    )
    current = SafeString(' aria-current="page"') if here else ""
    return format_html('<li><a href="{}"{}>{}</a></li>', url, current, title)


_PLACES = ("web:tickets", "web:file", "web:models", "web:datasets", "web:certificates", "web:audit")


@register.simple_tag(takes_context=True)
def query(context: dict[str, Any], **changes: Any) -> str:
    """Return the page's query string with some values changed; an empty value removes one."""
    values: QueryDict = context["request"].GET.copy()
    for name, value in changes.items():
        values.pop(name, None)
        if value not in {None, ""}:
            values[name] = str(value)
    return values.urlencode()


@register.simple_tag(takes_context=True)
def ticket_head(context: dict[str, Any], name: str, title: str) -> SafeString:
    """Return a column's head; where the list can be sorted it is a link that turns the order."""
    listing = context.get("listing")
    if not isinstance(listing, Listing):
        return format_html('<th scope="col" class="col-{}">{}</th>', name, title)
    order = listing.order
    here = order.removeprefix("-") == name
    falling = here and not order.falling
    wanted = Order(f"-{name}" if falling else name)
    said = {True: "descending", False: "ascending"}[order.falling] if here else "none"
    return format_html(
        '<th scope="col" class="col-{}" aria-sort="{}"><a class="sort" href="?{}">{}</a></th>',
        name,
        said,
        replace(listing, order=wanted).query or f"sort={wanted}",
        title,
    )


@register.simple_tag
def task_label(name: str) -> str:
    """Return what the button of a task says."""
    return str(Task(name).label)


@register.filter
def initials(name: str) -> str:
    """Return the first letters of a name: lists need not spell out who filed what."""
    return " ".join(f"{part[0]}." for part in name.split())


@register.filter
def method(name: str) -> str:
    """Return a method's name in words."""
    return words.method_title(name)


@register.filter
def effect(name: str) -> str:
    """Return what an effect class means."""
    return str(words.EFFECTS.get(name, name))


@register.filter
def tier(name: str) -> str:
    """Return what a tier is called."""
    return str(words.TIERS.get(name, name))


@register.filter
def short(digest: str) -> str:
    """Return the first digits of a digest, enough to tell two apart."""
    return digest.removeprefix("sha256:")[:DIGEST_CHARACTERS]


@register.filter
def number(value: float | str | None) -> str:
    """Return a statistic to three significant digits; an absent one is a dash.

    A template hands over an empty text for what is not there.
    """
    return _digits(value) if isinstance(value, float | int) else "-"


@register.filter
def share(value: float) -> str:
    """Return a share in whole percent."""
    return _("%(percent)s%%") % {"percent": round(100 * value)}


@register.filter
def interval(estimate: Estimate) -> str:
    """Return the confidence interval of an estimate, if it has one."""
    if estimate.low is None or estimate.high is None:
        return ""
    return _("%(low)s to %(high)s") % {
        "low": _digits(estimate.low),
        "high": _digits(estimate.high),
    }


def _digits(value: float) -> str:
    return f"{value:.3g}".replace(".", get_format("DECIMAL_SEPARATOR"))


@register.simple_tag
def due(ticket: Ticket) -> SafeString:
    """Return the day a ticket is due, and how far off that is while it is open."""
    day = date_format(ticket.due_on, "DATE_FORMAT")
    if ticket.state in TERMINAL:
        return format_html('<span class="quiet">{}</span>', day)
    return format_html('<span class="nowrap">{}</span> {}', day, due_words(ticket))


@register.simple_tag
def due_words(ticket: Ticket) -> SafeString:
    """Return how far off an open ticket's deadline is, or that its clock stands still."""
    if ticket.paused_since is not None:
        return _toned("warn", _("clock stands still"))
    days = (ticket.due_on - today_at(ticket)).days
    if days < 0:
        return _toned("bad", _overdue(-days))
    left = ngettext("%d day left", "%d days left", days) % days if days else _("today")
    return _toned("warn", left) if days <= SOON_DAYS else format_html(QUIET, left)


QUIET = '<span class="quiet nowrap">{}</span>'


def _toned(tone: str, words: str) -> SafeString:
    return format_html('<span class="tone-{} nowrap">{}</span>', tone, words)


def _overdue(days: int) -> str:
    return ngettext("%d day overdue", "%d days overdue", days) % days


@register.filter
def ground_label(ticket: Ticket) -> str:
    """Return a ticket's ground in the words of its law."""
    return words.inline(regime_named(ticket.regime).ground(ticket.ground).label)


@register.filter
def law_title(regime: str) -> str:
    """Return what a law is called, by its code."""
    return str(regime_named(regime).title)


@register.filter
def reason(code: str) -> str:
    """Return a coded reason in words."""
    return reason_words(code)


@register.filter
def inline(label: str) -> str:
    """Return a label as it stands inside a sentence."""
    return words.inline(label)


@register.filter
def cited(rule: str) -> str:
    """Return a citation as the reader's language cites the law."""
    return citations.cited(rule)


@register.filter
def spaced(code: str) -> str:
    """Return a code as words."""
    return code.replace("_", " ")


@register.filter
def seconds(value: float) -> str:
    """Return a duration as a person says it."""
    return duration(value, gap=" ")


@register.filter
def actor_name(who: str) -> str:
    """Return who acted; the platform itself has a plain name."""
    return _("the platform") if who.startswith("system:") else who


@register.filter
def pseudonym(actor: str) -> str:
    """Return an actor's pseudonym, shortened: enough to tell two apart on one page."""
    kind, _, name = actor.partition(":")
    return f"{kind} {name[:SHORT_ID]}" if kind == "user" else name or actor


@register.filter(name="hex")
def hexadecimal(data: bytes) -> str:
    """Return bytes as hexadecimal digits."""
    return bytes(data).hex()


@register.filter
def hex_short(data: bytes) -> str:
    """Return the first digits of a hash."""
    return bytes(data).hex()[:DIGEST_CHARACTERS]


@register.filter
def of(names: Mapping[Any, str], key: Any) -> str:
    """Return what a key stands for, or nothing."""
    return names.get(key, "")


@register.filter
def day(value: str) -> str:
    """Return an ISO calendar day as the pages write days."""
    return date_format(date.fromisoformat(value), "DATE_FORMAT")
