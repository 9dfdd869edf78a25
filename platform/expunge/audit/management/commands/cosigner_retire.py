"""``manage.py cosigner_retire ID``: take no more lines of a cosigner."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from expunge.audit.cosigners import cosigner_retire
from expunge.common.errors import DomainError


class Command(BaseCommand):
    """Retire a cosigner; what it signed stays."""

    help = "Take no more lines of a cosigner. Those it added to checkpoints stay."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the id that cosigner_add printed."""
        parser.add_argument("cosigner", type=UUID)

    def handle(self, *args: Any, cosigner: UUID, **options: Any) -> None:
        """Run the command."""
        try:
            made = cosigner_retire(cosigner_id=cosigner)
        except DomainError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{made.name} cosigns no more.")
