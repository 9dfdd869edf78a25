"""The Django app `protocols`."""

from django.apps import AppConfig


class ProtocolsConfig(AppConfig):
    name = "expunge.protocols"

    def ready(self) -> None:
        """Listen to tickets."""
        from expunge.protocols import receivers  # noqa: F401, PLC0415 - models must be loaded first
