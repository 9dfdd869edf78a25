"""Discovery, requests, status, cancellation, and the certificate that signatures are checked by."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, ClassVar
from urllib.parse import urljoin

from cryptography.hazmat.primitives import serialization
from django.conf import settings
from django.http import HttpResponse
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response

from contract.canonical import digest_bytes
from expunge.accounts.permissions import Actor, Permission
from expunge.accounts.tokens import token_grant
from expunge.common.clock import now
from expunge.common.errors import ConflictError, DomainError, NotFoundError
from expunge.protocols.endpoint import Endpoint, bearer, plain
from expunge.protocols.entrance import request_enter, request_withdraw
from expunge.protocols.models import Protocol, ProtocolRequest
from expunge.protocols.opendsr import body as bodies
from expunge.protocols.opendsr.signing import (
    OPENDSR,
    OPENGDPR,
    Dialect,
    encoded,
    headers_for,
    processor_domain,
    signing_credential,
    with_signature,
)
from expunge.protocols.opendsr.status import WORDS, expected, moment_text, status
from expunge.protocols.standing import standing_of

PROTOCOLS: Mapping[Dialect, Protocol] = {
    OPENDSR: Protocol.OPENDSR,
    OPENGDPR: Protocol.OPENGDPR,
}


class OpenDsrView(Endpoint):
    """A signed answer in one of the two dialects, and errors as section 7.6 gives them."""

    dialect: Dialect = OPENDSR
    needs: ClassVar[Permission] = Permission.TICKET_FILE

    @property
    def actor(self) -> Actor:
        """Return the controller's token as an actor; raises 401 or 403."""
        grant = token_grant(bearer(self.request))
        if grant is None:
            raise exceptions.NotAuthenticated("Send a bearer token of your organisation.")
        if not grant.actor.controllers(self.needs):
            raise exceptions.PermissionDenied(f"The token needs the scope '{self.needs}'.")
        return grant.actor

    def answer(self, content: Mapping[str, Any], code: int = HTTPStatus.OK) -> HttpResponse:
        """Return a signed answer."""
        raw = encoded(content)
        headers = headers_for(raw, self.dialect)
        return HttpResponse(raw, status=code, content_type="application/json", headers=headers)

    def found(self, request_id: str) -> ProtocolRequest:
        """Return the controller's request with this id; raises ``request_unknown``."""
        request = (
            ProtocolRequest.objects.select_related("intake__ticket", "controller")
            .filter(
                controller_id__in=self.actor.controllers(self.needs),
                protocol=PROTOCOLS[self.dialect],
                external_id=request_id,
            )
            .first()
        )
        if request is None:
            raise NotFoundError("request_unknown", "There is no such request of yours.")
        return request

    def handle_exception(self, exc: Exception) -> Response:
        """Answer an error without a word about the person."""
        if isinstance(exc, DomainError):
            code = HTTPStatus.NOT_FOUND if isinstance(exc, NotFoundError) else 400
            return _error(int(code), [(exc.code, exc.message)])
        if isinstance(exc, exceptions.ValidationError):
            return _error(400, list(_faults(exc.detail)))
        if isinstance(exc, exceptions.NotAuthenticated):
            answer = _error(401, [("not_authenticated", str(exc.detail))])
            answer["WWW-Authenticate"] = 'Bearer realm="expunge"'
            return answer
        if isinstance(exc, exceptions.APIException):
            return _error(exc.status_code, [(str(exc.default_code), str(exc.detail))])
        return super().handle_exception(exc)


class Discovery(OpenDsrView):
    """What the processor supports; open to everybody."""

    def get(self, request: Request) -> HttpResponse:
        """Describe this service (section 6)."""
        return self.answer(
            {
                "api_version": self.dialect.version,
                "supported_identities": [
                    {"identity_type": kind, "identity_format": bodies.FORMAT}
                    for kind in bodies.IDENTITIES
                ],
                "supported_subject_request_types": list(bodies.TYPES),
                "processor_certificate": urljoin(
                    settings.EXPUNGE_PUBLIC_URL, f"{self.dialect.root}/certificate.pem"
                ),
            }
        )


class Certificate(OpenDsrView):
    """The certificate of the signing key, with its issuers."""

    def get(self, request: Request) -> HttpResponse:
        """Return the chain in PEM."""
        own = signing_credential()
        leaf = own.certificate.public_bytes(serialization.Encoding.PEM)
        chain = own.chain if leaf in own.chain else leaf + own.chain
        return HttpResponse(chain, content_type="application/x-pem-file")


class Requests(OpenDsrView):
    """Where controllers send requests."""

    def post(self, request: Request) -> HttpResponse:
        """Take a request in (section 7)."""
        actor = self.actor
        (controller_id,) = actor.controllers(self.needs)
        raw = plain(request).body
        given = bodies.read(raw)
        entered = request_enter(
            controller_id=controller_id,
            protocol=PROTOCOLS[self.dialect],
            external_id=given["subject_request_id"],
            digest=digest_bytes(raw),
            regime=given["regulation"],
            payload=bodies.payload_of(given),
            received_at=given["submitted_time"],
            callbacks=given["status_callback_urls"],
            attested=f"{self.dialect.name} {given['subject_request_id']}",
        )
        content = {
            "controller_id": str(controller_id),
            "expected_completion_time": expected(entered),
            "received_time": moment_text(entered.created_at),
            "encoded_request": base64.b64encode(raw).decode(),
            "subject_request_id": entered.external_id,
        }
        return self.answer(with_signature(content), HTTPStatus.CREATED)


class OneRequest(OpenDsrView):
    """One request: its status, and its cancellation while it is pending."""

    def get(self, request: Request, request_id: str) -> HttpResponse:
        """Say where it stands (section 8)."""
        found = self.found(request_id)
        return self.answer(status(found, standing_of(found.intake).code))

    def delete(self, request: Request, request_id: str) -> HttpResponse:
        """Cancel it (section 9)."""
        found = self.found(request_id)
        if WORDS[standing_of(found.intake).word] != "pending":
            raise ConflictError("not_pending", "A request can be cancelled only while pending.")
        request_withdraw(request=found)
        content = {
            "controller_id": str(found.controller_id),
            "subject_request_id": found.external_id,
            "received_time": moment_text(now()),
            "api_version": self.dialect.version,
        }
        return self.answer(with_signature(content), HTTPStatus.ACCEPTED)


def _error(code: int, faults: Iterable[tuple[str, str]]) -> Response:
    errors = [
        {"domain": processor_domain(), "reason": reason, "message": message}
        for reason, message in faults
    ]
    message = errors[0]["message"] if errors else HTTPStatus(code).phrase
    return Response({"error": {"code": code, "message": message, "errors": errors}}, status=code)


def _faults(detail: Any, path: str = "") -> Iterable[tuple[str, str]]:
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            yield from _faults(inner, f"{path}.{name}" if path else str(name))
    elif isinstance(detail, list):
        for inner in detail:
            yield from _faults(inner, path)
    else:
        code = getattr(detail, "code", "invalid")
        yield str(code), f"{path}: {detail}" if path else str(detail)
