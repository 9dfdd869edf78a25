"""The Django app `accounts`."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "expunge.accounts"

    def ready(self) -> None:
        """Listen to what allauth does."""
        from expunge.accounts import receivers  # noqa: F401, PLC0415 - models must be loaded first
