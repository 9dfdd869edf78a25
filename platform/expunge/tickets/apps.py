"""The Django app `tickets`."""

from django.apps import AppConfig


class TicketsConfig(AppConfig):
    name = "expunge.tickets"
