"""Words of the domain in addresses."""

from __future__ import annotations

from expunge.tickets.models import HoldKind
from expunge.tickets.rules import Task


class TaskConverter:
    """A :class:`Task` with dashes: ``close-unverified``."""

    regex = "|".join(task.replace("_", "-") for task in Task)

    def to_python(self, value: str) -> Task:
        """Read a task."""
        return Task(value.replace("-", "_"))

    def to_url(self, value: Task) -> str:
        """Write a task."""
        return value.replace("_", "-")


class PersonTaskConverter:
    """What an administrator does with a person's account: ``remove``, ``invite``, ``reset``."""

    regex = "remove|invite|reset"

    def to_python(self, value: str) -> str:
        """Read a task."""
        return value

    def to_url(self, value: str) -> str:
        """Write a task."""
        return value


class HoldKindConverter:
    """What a legal hold covers: ``subject``, ``dataset``, ``model`` or ``ticket``."""

    regex = "|".join(HoldKind.values)

    def to_python(self, value: str) -> HoldKind:
        """Read a kind."""
        return HoldKind(value)

    def to_url(self, value: str) -> str:
        """Write a kind."""
        return str(value)
