"""Make an API token for a person and print it once."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from expunge.accounts.models import Controller, User
from expunge.accounts.permissions import Actor, Permission
from expunge.accounts.selectors import scopes_grantable
from expunge.accounts.services import TOKEN_DAYS, token_create
from expunge.common.errors import DomainError


class Command(BaseCommand):
    """``manage.py token_create EMAIL --controller ... --scopes ...``."""

    help = "Make an API token for a person; it is printed once and stored as a digest only."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take whose token it is and what it may do."""
        parser.add_argument("email")
        parser.add_argument("--controller", required=True, help="name of the organisation")
        parser.add_argument("--name", default="command line")
        parser.add_argument("--days", type=int, default=TOKEN_DAYS)
        parser.add_argument(
            "--scopes",
            nargs="+",
            choices=[str(item) for item in Permission],
            default=[],
            help="what it may do; everything the person's roles allow when left out",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the command."""
        user = User.objects.filter(email__iexact=options["email"]).first()
        controller = Controller.objects.filter(name=options["controller"]).first()
        if user is None or controller is None:
            raise CommandError("There is no such person or no such organisation.")
        actor = Actor(user=user)
        try:
            _, secret = token_create(
                actor=actor,
                controller_id=controller.pk,
                name=options["name"],
                scopes=options["scopes"] or scopes_grantable(actor, controller.pk),
                days=options["days"],
            )
        except DomainError as error:
            raise CommandError(error.message) from error
        self.stdout.write(secret)
