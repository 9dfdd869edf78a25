"""The Django app `audit`."""

from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "expunge.audit"

    def ready(self) -> None:
        """Listen to the apps below, which cannot call the log themselves."""
        from expunge.audit import receivers  # noqa: F401, PLC0415
