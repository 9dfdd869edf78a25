"""``manage.py audit_continuation SINCE FILE``: what a cosigner is handed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from expunge.audit.continuation import write_continuation
from expunge.audit.cosigners import continuation_since
from expunge.audit.services import checkpoint_sign
from expunge.common.errors import DomainError


class Command(BaseCommand):
    """Sign the log as it stands, and prove that it begins with the one of SINCE entries."""

    help = "Write a new checkpoint and the proof that the log of SINCE entries became it (0: none)."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the size that the cosigner knows, and the file to write."""
        parser.add_argument("since", type=int)
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, since: int, file: Path, **options: Any) -> None:
        """Run the command."""
        checkpoint_sign()
        try:
            found = write_continuation(continuation_since(since))
        except DomainError as error:
            raise CommandError(str(error)) from error
        file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        self.stdout.write(f"Wrote {file}: give it to expunge-cosign sign.")
