"""Errors a person can act on: a stable code and a sentence that says what to do.

The API renders them as RFC 9457 problem details, the web pages as messages.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar

from django.utils.translation import gettext_noop

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


class DomainError(Exception):
    """Something the caller asked for cannot be done; ``message`` says why and what helps.

    The message never holds personal data: it may end up in a log. It is in the language that is
    active when the error is raised; ``title`` is the English text that its page translates.
    """

    status: ClassVar[int] = HTTPStatus.CONFLICT
    title: ClassVar[str] = gettext_noop("The request cannot be carried out")

    def __init__(self, code: str, message: StrOrPromise, **extra: Any) -> None:
        super().__init__(str(message))
        self.code = code
        self.message = str(message)
        self.extra = extra


class InvalidInputError(DomainError):
    """The input itself is wrong; ``field`` in ``extra`` may name the part."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    title = gettext_noop("The input is not valid")


class NotAllowedError(DomainError):
    """The person may not do this."""

    status = HTTPStatus.FORBIDDEN
    title = gettext_noop("Not allowed")


class NotFoundError(DomainError):
    """There is no such thing, or this person may not know of it."""

    status = HTTPStatus.NOT_FOUND
    title = gettext_noop("Not found")


class ConflictError(DomainError):
    """The thing is not in a state in which this can be done, or someone was faster."""
