"""The app that carries the system checks and the commands that put the house together."""

from django.apps import AppConfig


class ConfigConfig(AppConfig):
    name = "expunge.config"
    label = "config"
    verbose_name = "Expunge"

    def ready(self) -> None:
        """Load the Celery application, so that tasks know their broker."""
        from expunge.config import celery  # noqa: F401, PLC0415
