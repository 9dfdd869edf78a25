"""The addresses of the REST API v1."""

from django.urls import re_path

from expunge.api.errors import not_found

app_name = "v1"
urlpatterns = [
    re_path(r"^(?P<path>.*)$", not_found, name="not-found"),
]
