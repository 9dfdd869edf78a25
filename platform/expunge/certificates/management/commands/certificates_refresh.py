"""``manage.py certificates_refresh``: a further archive timestamp for what nears its end."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from expunge.audit.timestamps import TimestampUnavailableError
from expunge.certificates.renewal import MARGIN, MOST, certificates_renew
from expunge.common.pki import KeyMissingError


class Command(BaseCommand):
    """Renew archives; exit code 1 when one could not be renewed."""

    help = "Add an archive timestamp to every certificate whose last one nears its end."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take how far to look ahead."""
        parser.add_argument(
            "--within-days",
            type=int,
            default=MARGIN.days,
            help="renew what ends within so many days; a large number renews everything",
        )
        parser.add_argument("--most", type=int, default=MOST, help="how many at once")

    def handle(self, *args: Any, within_days: int, most: int, **options: Any) -> None:
        """Run the command."""
        try:
            done = certificates_renew(within=timedelta(days=within_days), most=most)
        except (TimestampUnavailableError, KeyMissingError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{done.renewed} certificates renewed.")
        for fault in done.faults:
            self.stderr.write(fault)
        if done.faults:
            sys.exit(1)
