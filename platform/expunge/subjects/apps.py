"""The Django app `subjects`."""

from django.apps import AppConfig


class SubjectsConfig(AppConfig):
    name = "expunge.subjects"

    def ready(self) -> None:
        """Listen to tickets."""
        from expunge.subjects import receivers  # noqa: F401, PLC0415 - models must be loaded first
