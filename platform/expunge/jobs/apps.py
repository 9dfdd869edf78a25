"""The Django app `jobs`."""

from django.apps import AppConfig


class JobsConfig(AppConfig):
    name = "expunge.jobs"

    def ready(self) -> None:
        """Listen to tickets."""
        from expunge.jobs import receivers  # noqa: F401, PLC0415 - models must be loaded first
