"""The Django app `api`."""

from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "expunge.api"

    def ready(self) -> None:
        """Listen to tickets."""
        from expunge.api import receivers  # noqa: F401, PLC0415 - models must be loaded first
