"""What the pages of one's own account need."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote

from django import template

register = template.Library()


@register.filter
def as_download(lines: Iterable[str]) -> str:
    """Return lines as a ``data:`` address: a file that is saved without asking anybody again."""
    return "data:text/plain;charset=utf-8," + quote("\n".join([*lines, ""]))
