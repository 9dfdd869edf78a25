"""Drive deletions through everything, for real, and leave the site running."""

from __future__ import annotations

import subprocess
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError, call_command
from rich.console import Console

from expunge.audit.keys import log_key
from expunge.audit.selectors import log_verify
from expunge.audit.services import checkpoint_sign
from expunge.config.demo.people import PEOPLE, Cast, cast
from expunge.config.demo.plans import hospital_plans, tofu_plans
from expunge.config.demo.story import Request, file_and_approve, first_node, follow
from expunge.config.demo.training import Trained, train_all
from expunge.config.processes import Processes, free_address, python_path
from expunge.tickets.models import Ticket
from expunge.registry.models import Model


class Command(BaseCommand):
    """``manage.py demo``."""

    help = "Train models, file deletion tickets, unlearn, attack, certify, check offline."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the data to use and whether to serve."""
        parser.add_argument("--dataset", choices=["hospital", "tofu"], default="hospital")
        parser.add_argument("--path", type=Path, help="the folder of the TOFU files")
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--no-serve", action="store_true", help="end instead of serving")

    def handle(self, *args: Any, **options: Any) -> None:
        """Tell the whole story."""
        console = Console(highlight=False)
        began = time.monotonic()
        plans = self._plans(options)
        console.rule("[bold]1. The house")
        call_command("migrate", verbosity=0)
        people = cast()
        console.print(f"  PostgreSQL and Redis are running under {settings.VAR}")
        console.print(f"  {people.controller}: " + ", ".join(f"{n} ({r.label})" for _, n, r in PEOPLE))
        if Model.objects.filter(controller=people.controller).exists():
            raise CommandError("The demo has run here already. Run `make clean` or set EXPUNGE_VAR.")
        address = free_address(options["port"])
        with Processes() as processes:
            processes.start_web(address)
            processes.start_worker()
            tickets = self._run(people, plans, processes, console)
            self._certificates(tickets, console)
            self._audit(console)
            console.print(f"\n  Everything took {time.monotonic() - began:.0f} s.")
            if not options["no_serve"]:
                _serve(address, people, processes, console)

    def _plans(self, options: dict[str, Any]) -> list[Any]:
        if options["dataset"] == "hospital":
            return hospital_plans(options["seed"])
        if options["path"] is None:
            raise CommandError("Give the folder of the TOFU files with --path.")
        return tofu_plans(options["path"], options["seed"])

    def _run(
        self, people: Cast, plans: list[Any], processes: Processes, console: Console
    ) -> list[Ticket]:
        console.rule("[bold]2. Carol trains and registers models")
        models = train_all(people, plans, console)
        for item in models:
            console.print(
                f"  {item.version}: {item.dataset.record_count} records registered, "
                f"trained in {item.seconds:.0f} s, {item.version.digest[:19]}…"
            )
        console.rule("[bold]3. Two people ask to be forgotten")
        tickets = [file_and_approve(people, request, console) for request in _requests(models)]
        console.rule("[bold]4. The ladder at work")
        follow(tickets, processes, console)
        return list(Ticket.objects.filter(pk__in=[ticket.pk for ticket in tickets]))


def _requests(models: list[Trained]) -> list[Request]:
    """Ask for a whole person in the first model, and for part of one in the second."""
    subject = models[0].dataset.dataset.subject_level
    requests = [Request(models[0], first_node(models[0], subject), "Please forget me.")]
    if len(models) > 1:
        node = first_node(models[1], subject + 1)
        requests.append(Request(models[1], node, "Only this study, please."))
    return requests
