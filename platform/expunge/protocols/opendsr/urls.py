"""The addresses of OpenDSR and OpenGDPR. ``status/{id}`` is an alias of ``requests/{id}``."""

from django.urls import URLPattern, path

from expunge.protocols.opendsr.signing import OPENDSR, OPENGDPR, Dialect
from expunge.protocols.opendsr.views import Certificate, Discovery, OneRequest, Requests


def _addresses(dialect: Dialect) -> list[URLPattern]:
    root, collection = dialect.root.removeprefix("/"), dialect.collection
    one = OneRequest.as_view(dialect=dialect)
    return [
        path(f"{root}/discovery", Discovery.as_view(dialect=dialect)),
        path(f"{root}/certificate.pem", Certificate.as_view(dialect=dialect)),
        path(f"{root}/{collection}", Requests.as_view(dialect=dialect)),
        path(f"{root}/{collection}/<str:request_id>", one),
        path(f"{root}/status/<str:request_id>", one),
    ]


urlpatterns = [*_addresses(OPENDSR), *_addresses(OPENGDPR)]
