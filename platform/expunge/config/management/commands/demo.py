"""Drive deletions through everything, for real, and leave the site running."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError, call_command
from django.urls import reverse
from rich.console import Console
from rich.markup import escape

from corpora.dataset import DatasetError
from expunge.config.demo.evidence import check_offline
from expunge.config.demo.people import PEOPLE, Cast, cast
from expunge.config.demo.plans import hospital_plans, tofu_plans
from expunge.config.demo.story import Request, file_and_approve, first_node, follow
from expunge.config.demo.training import Plan, Trained, train_all
from expunge.config.processes import Processes, site_address
from expunge.registry.models import Model
from expunge.tickets.models import Ticket


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
        began = time.monotonic()
        console = Console(highlight=False, soft_wrap=True)
        plans = _plans(options)
        people = _house(console, plans)
        address = site_address(options["port"])
        with Processes() as processes:
            processes.start_web(address)
            processes.start_worker()
            tickets = _work(people, plans, processes, console)
            console.rule("[bold]5. Dora checks the evidence, offline")
            holds = check_offline(people, tickets, console)
            console.print(f"\n  Everything took {time.monotonic() - began:.0f} s.")
            if not holds:
                raise CommandError("The evidence does not hold; see above.")
            if not options["no_serve"]:
                _serve(address, people, processes, console)


def _plans(options: dict[str, Any]) -> list[Plan]:
    if options["dataset"] == "hospital":
        return hospital_plans(options["seed"])
    if options["path"] is None:
        raise CommandError("Give the folder of the TOFU files with --path.")
    try:
        return tofu_plans(options["path"], options["seed"])
    except (DatasetError, OSError) as error:
        raise CommandError(str(error)) from error


def _house(console: Console, plans: Sequence[Plan]) -> Cast:
    console.rule("[bold]1. The house")
    call_command("migrate", verbosity=0)
    people = cast()
    console.print(f"  PostgreSQL and Redis are running; everything is kept in {settings.VAR}")
    for _, name, role in PEOPLE:
        console.print(f"  {name}, {role.label} at {people.controller}")
    names = [plan.model for plan in plans]
    if Model.objects.filter(controller=people.controller, name__in=names).exists():
        raise CommandError(
            "This demonstration has run here already. `make up` starts the site on it; "
            "`python manage.py services stop && rm -rf var` lets you start afresh."
        )
    return people


def _work(
    people: Cast, plans: Sequence[Plan], processes: Processes, console: Console
) -> list[Ticket]:
    console.rule("[bold]2. Carol trains and registers models")
    models = train_all(people, plans, console)
    for item in models:
        console.print(
            f"  {item.version}: {item.dataset.record_count} records registered, "
            f"trained in {item.seconds:.0f} s, {item.version.digest[:19]}…"
        )
    console.rule("[bold]3. People ask to be forgotten")
    tickets = [file_and_approve(people, request, console) for request in _requests(models)]
    console.rule("[bold]4. The ladder at work")
    follow(tickets, processes, console)
    return list(Ticket.objects.filter(pk__in=[ticket.pk for ticket in tickets]))


def _requests(models: Sequence[Trained]) -> list[Request]:
    """Ask for a whole person in the first model, and for part of one in the second."""
    subject = models[0].dataset.dataset.subject_level
    requests = [Request(models[0], first_node(models[0], subject), "Please forget me.")]
    if len(models) > 1:
        node = first_node(models[1], subject + 1)
        requests.append(Request(models[1], node, "Only this study, please."))
    return requests


def _serve(address: str, people: Cast, processes: Processes, console: Console) -> None:
    console.rule("[bold]6. The site is running")
    console.print(f"  [bold]http://{address}[/]   password for all five: {escape(people.password)}")
    for email, _, role in PEOPLE:
        console.print(f"    {email:<28} {role.label}")
    ask = reverse("public:ask", args=[people.controller.pk])
    console.print(f"  Data subjects ask at  [bold]http://{address}{ask}[/]")
    console.print(
        f"  Ada administers at    [bold]http://{address}{reverse('web:administration')}[/]"
    )
    console.print(f"  The API is read at    [bold]http://{address}{reverse('v1:docs')}[/]")
    console.print(f"  Letters are written to {Path(settings.VAR) / 'mail'}")
    console.print("  Ctrl-C ends it; `make up` starts it again.")
    try:
        while not (ended := processes.ended()):
            time.sleep(1)
    except KeyboardInterrupt:
        return
    raise CommandError(f"{', '.join(ended)} ended; see {processes.logs}")
