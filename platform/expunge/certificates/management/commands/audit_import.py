"""``manage.py audit_import FILE``: somebody's audit log into an auditor's own empty database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from expunge.audit.checkpoint import parse_keys
from expunge.certificates.mirror import log_import
from expunge.certificates.offline.trust import Trust, read_roots
from expunge.common.errors import DomainError


class Command(BaseCommand):
    """Verify an export whole and take it over; nothing is imported when anything is wrong."""

    help = "Verify an export of an audit log and import it into this database, if it has no log."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the export and whom to trust."""
        parser.add_argument("file", type=Path)
        parser.add_argument("--trust", type=Path, required=True, help="root certificates (PEM)")
        parser.add_argument("--log-key", type=Path, required=True, help="the log's public keys")
        parser.add_argument("--checkpoint", type=Path, action="append", default=[])

    def handle(
        self,
        *args: Any,
        file: Path,
        trust: Path,
        log_key: Path,
        checkpoint: list[Path],
        **options: Any,
    ) -> None:
        """Run the command."""
        try:
            count = log_import(
                export=file,
                trust=Trust(
                    read_roots(trust.read_bytes()), parse_keys(log_key.read_text(encoding="utf-8"))
                ),
                checkpoints=[path.read_text(encoding="utf-8") for path in checkpoint],
            )
        except (DomainError, OSError, ValueError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{count} entries imported, as they were signed.")
