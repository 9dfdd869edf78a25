"""Stop the embedded PostgreSQL and Redis."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand

from expunge.config import embedded


class Command(BaseCommand):
    """``manage.py services stop``."""

    help = "Stop the embedded PostgreSQL and Redis (they start again by themselves)."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the one word there is."""
        parser.add_argument("action", choices=["stop"])

    def handle(self, *args: Any, **options: Any) -> None:
        """Stop both."""
        embedded.redis_stop(settings.VAR)
        embedded.postgres_stop(settings.VAR)
        self.stdout.write("PostgreSQL and Redis are stopped.")
