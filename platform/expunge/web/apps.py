"""The Django app `web`."""

from django.apps import AppConfig


class WebConfig(AppConfig):
    name = "expunge.web"
