"""Formats other than JSON: asked for by ``Accept``, written by the view itself."""

from __future__ import annotations

from typing import Any

from rest_framework.renderers import BaseRenderer, JSONRenderer


class Written(BaseRenderer):
    """Lets a caller ask for a format; only a problem is rendered here, and it is JSON."""

    def render(self, data: Any, *args: Any, **kwargs: Any) -> bytes:  # noqa: ARG002 - DRF's call
        """Render a problem."""
        return bytes(JSONRenderer().render(data))


class CsvLines(Written):
    """Comma-separated values."""

    media_type = "text/csv"
    format = "csv"


class JsonLines(Written):
    """One JSON object a line."""

    media_type = "application/x-ndjson"
    format = "ndjson"


class EventStream(Written):
    """Server-sent events."""

    media_type = "text/event-stream"
    format = "stream"


class PdfFile(Written):
    """A printed document."""

    media_type = "application/pdf"
    format = "pdf"


class HtmlPage(Written):
    """A page for people."""

    media_type = "text/html"
    format = "html"
