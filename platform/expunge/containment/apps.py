"""The Django app `containment`."""

from django.apps import AppConfig


class ContainmentConfig(AppConfig):
    name = "expunge.containment"

    def ready(self) -> None:
        """Listen to tickets."""
        from expunge.containment import receivers  # noqa: F401, PLC0415 - models must come first
