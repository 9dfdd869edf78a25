"""The Django app `certificates`."""

from django.apps import AppConfig


class CertificatesConfig(AppConfig):
    name = "expunge.certificates"
