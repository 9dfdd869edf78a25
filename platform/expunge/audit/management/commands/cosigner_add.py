"""``manage.py cosigner_add KEY``: let someone outside cosign the log's checkpoints."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from expunge.audit.cosigners import cosigner_add
from expunge.common.errors import DomainError


class Command(BaseCommand):
    """Register a cosigner's public key."""

    help = "Register the public key that `expunge-cosign init` printed."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the key."""
        parser.add_argument("public", help="name+id+key")

    def handle(self, *args: Any, public: str, **options: Any) -> None:
        """Run the command."""
        try:
            made = cosigner_add(public=public)
        except DomainError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{made.name} may cosign. It is {made.pk} for cosigner_retire.")
