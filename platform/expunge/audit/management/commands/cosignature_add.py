"""``manage.py cosignature_add FILE``: take in what a cosigner returned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from expunge.audit.cosigners import cosignature_record
from expunge.common.errors import DomainError


class Command(BaseCommand):
    """Keep the lines that known cosigners put on one of our checkpoints."""

    help = "Keep the cosigned note that `expunge-cosign sign` printed."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the cosigned note."""
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        """Run the command."""
        try:
            kept = cosignature_record(note=file.read_text(encoding="utf-8"))
        except (OSError, DomainError) as error:
            raise CommandError(str(error)) from error
        for item in kept:
            self.stdout.write(
                f"{item.cosigner} has signed the log of {item.checkpoint_id} entries."
            )
