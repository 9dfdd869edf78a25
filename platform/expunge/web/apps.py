"""The Django app `web`."""

from django.apps import AppConfig


class WebConfig(AppConfig):
    name = "expunge.web"

    def ready(self) -> None:
        """Connect the receivers, before anybody signs in."""
        from expunge.web import sessions  # noqa: F401, PLC0415 - apps load before models
