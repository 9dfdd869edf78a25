"""Start the site, a worker and the beat on this machine, until Ctrl-C."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management import BaseCommand, CommandError, call_command

from expunge.config.processes import Processes, site_address


class Command(BaseCommand):
    """``manage.py up``."""

    help = "Start the site, a worker and the beat on this machine, until Ctrl-C."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take a port."""
        parser.add_argument("--port", type=int, default=8000)

    def handle(self, *args: Any, **options: Any) -> None:
        """Migrate, start everything, wait."""
        call_command("migrate", verbosity=0)
        address = site_address(options["port"])
        with Processes() as processes:
            processes.start_web(address)
            processes.start_worker()
            self.stdout.write(f"Expunge is at http://{address} (Ctrl-C ends it)")
            try:
                while not (ended := processes.ended()):
                    time.sleep(1)
            except KeyboardInterrupt:
                return
        message = f"{', '.join(ended)} ended; see {processes.logs}"
        raise CommandError(message)
