"""Print the public key with which deployers check containment bundles."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from expunge.containment.keys import public_key


class Command(BaseCommand):
    """Prints the key; hand it to deployers by a way they trust."""

    help = "Print the public key with which deployers check containment bundles."

    def handle(self, *args: Any, **options: Any) -> None:
        """Print it."""
        self.stdout.write(public_key())
