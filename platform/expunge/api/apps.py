"""The Django app `api`."""

from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "expunge.api"
