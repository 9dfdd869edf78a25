"""Create a person with a role, and the organisation if it is new."""

from __future__ import annotations

import getpass
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from expunge.accounts.models import Controller, Role
from expunge.accounts.permissions import Actor
from expunge.accounts.services import membership_grant, user_create
from expunge.common.errors import DomainError


class Command(BaseCommand):
    """``manage.py user_create EMAIL NAME --controller ... --role ...``."""

    help = "Create a person with a role; the first one of an organisation creates it too."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take who and for whom; the password is asked for, never given as an argument."""
        parser.add_argument("email")
        parser.add_argument("name")
        parser.add_argument("--controller", required=True, help="name of the organisation")
        parser.add_argument("--role", choices=Role.values, default=Role.ADMINISTRATOR.value)
        parser.add_argument("--country", default="DE")
        parser.add_argument("--time-zone", default="Europe/Berlin")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the command."""
        actor = Actor(system="console")
        try:
            with transaction.atomic():
                controller, _ = Controller.objects.get_or_create(
                    name=options["controller"],
                    defaults={"country": options["country"], "time_zone": options["time_zone"]},
                )
                user = user_create(
                    actor=actor,
                    controller_id=controller.pk,
                    email=options["email"],
                    name=options["name"],
                    password=getpass.getpass("Password: "),
                )
                membership_grant(
                    actor=actor, user=user, controller_id=controller.pk, role=options["role"]
                )
        except DomainError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"{user.email} can sign in as {Role(options['role']).label}.")
