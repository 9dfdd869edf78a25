"""The Django app `jobs`."""

from django.apps import AppConfig


class JobsConfig(AppConfig):
    name = "expunge.jobs"

    def ready(self) -> None:
        """Listen to tickets, and say what a policy may choose."""
        from expunge.jobs import choices, receivers  # noqa: F401, PLC0415 - models come first
