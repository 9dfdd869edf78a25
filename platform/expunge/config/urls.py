"""Every URL of the site, by audience."""

from django.urls import include, path

urlpatterns = [
    path("api/v1/", include("expunge.api.v1.urls")),
    path("", include("expunge.protocols.urls")),
    path("", include("expunge.web.public.urls")),
    path("", include("expunge.web.urls")),
    path("", include("expunge.web.account_urls")),
]
