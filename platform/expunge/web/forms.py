"""The forms of the pages: they check shape; the services check meaning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms

from expunge.common.errors import DomainError

LONGEST_TEXT = 4000


class Styled(forms.Form):
    """A form whose widgets carry the classes of the style sheet.

    ``ASKED_AS`` says under which field the form asks for what a service calls otherwise.
    """

    ASKED_AS: ClassVar[Mapping[str, str]] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs.setdefault("class", _css_class(field.widget))

    def add_domain_error(self, error: DomainError) -> None:
        """Show what a service refused, beside the field it names if there is one."""
        name = error.extra.get("field", "")
        field = self.ASKED_AS.get(name, name)
        self.add_error(field if field in self.fields else None, error.message)


def _css_class(widget: forms.Widget) -> str:
    if isinstance(widget, forms.CheckboxInput | forms.RadioSelect):
        return "form-check-input"
    return "form-select" if isinstance(widget, forms.Select) else "form-control"
