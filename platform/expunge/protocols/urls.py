"""The addresses of the protocols."""

from django.urls import include, path

app_name = "protocols"
urlpatterns = [
    path("", include("expunge.protocols.opendsr.urls")),
    path("", include("expunge.protocols.drp.urls")),
]
