"""``manage.py keys_check``: can this process sign what auditors will believe?"""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand

from expunge.certificates.readiness import signing_faults


class Command(BaseCommand):
    """Try every key of evidence and the timestamp authority; exit code 1 on any fault."""

    help = "Try every key of evidence, its certificate and the timestamp authority."

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the command."""
        faults = signing_faults()
        for fault in faults:
            self.stderr.write(fault)
        if faults:
            sys.exit(1)
        self.stdout.write("Every key of evidence signs, and its certificate holds.")
