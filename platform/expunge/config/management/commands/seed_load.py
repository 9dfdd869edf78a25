"""Fill an empty database with an invented organisation of any size, to measure against."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management import BaseCommand, CommandError, call_command
from django.db import connection

from expunge.accounts.models import Controller
from expunge.config.load.people import staff_seed
from expunge.config.load.tickets import tickets_seed
from expunge.config.load.tree import tree_seed


class Command(BaseCommand):
    """``manage.py seed_load``."""

    help = "Fill an empty database with tickets and scope nodes, to measure against."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the sizes."""
        parser.add_argument("--tickets", type=int, default=200_000)
        parser.add_argument("--nodes", type=int, default=2_000_000)

    def handle(self, *args: Any, tickets: int, nodes: int, **options: Any) -> None:
        """Make staff, tree and tickets, and let PostgreSQL count them."""
        call_command("migrate", verbosity=0)
        if Controller.objects.exists():
            raise CommandError(
                "This database is in use. Set EXPUNGE_VAR to a folder of its own (or DATABASE_URL "
                "to an empty database) and run the command again."
            )
        began = time.monotonic()
        staff = staff_seed()
        patients = tree_seed(staff.controller, nodes)
        self.stdout.write(f"tree: {time.monotonic() - began:.0f} s")
        tickets_seed(staff, patients, tickets)
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        self.stdout.write(f"all: {time.monotonic() - began:.0f} s")
