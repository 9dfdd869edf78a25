"""Certificates: list, get, the signed PDF and the proof beside it."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from expunge.accounts.permissions import Permission
from expunge.api.formats import PdfFile
from expunge.api.resource import ListResource, Resource
from expunge.certificates import selectors
from expunge.certificates.kinds import BY_PEOPLE, SupersessionReason
from expunge.certificates.models import Certificate
from expunge.certificates.publication import status_published
from expunge.certificates.services import certificate_revoke
from expunge.certificates.supersession import LANGUAGES, certificate_supersede

PDF = {(200, "application/pdf"): OpenApiTypes.BINARY}
SIDECAR = {(200, "application/json"): OpenApiTypes.OBJECT}


class CertificateOut(serializers.Serializer[Any]):
    """An issued document. ``is_certificate`` is false for notices and statements of failure."""

    id = serializers.UUIDField(source="pk")
    number = serializers.CharField()
    version = serializers.IntegerField()
    title = serializers.CharField()
    kind = serializers.CharField()
    is_certificate = serializers.BooleanField()
    ticket = serializers.UUIDField(source="ticket_id")
    statement_digest = serializers.CharField()
    statement_seq = serializers.IntegerField()
    pdf_sha256 = serializers.CharField()
    pdf_length = serializers.IntegerField()
    issued_seq = serializers.IntegerField()
    issued_at = serializers.DateTimeField()
    language = serializers.CharField()
    supersedes = serializers.UUIDField(source="supersedes_id", allow_null=True)
    superseded_by = serializers.UUIDField(source="successor.pk", allow_null=True, default=None)
    replacement_asked_at = serializers.DateTimeField(
        source="supersession.created_at", allow_null=True, default=None
    )
    revoked_at = serializers.DateTimeField(allow_null=True)
    revoked_reason = serializers.CharField(allow_blank=True)


class Certificates(ListResource[Certificate]):
    """The certificates of the token's organisation."""

    needs: ClassVar = {"GET": [{Permission.CERTIFICATE_VIEW}]}
    serializer_class = CertificateOut

    @extend_schema(operation_id="certificates_list")
    def get(self, request: Request) -> Response:
        """List issued certificates, newest first."""
        return self.listing(selectors.certificates_visible(self.actor))


class OneCertificate(Resource):
    """One certificate."""

    needs: ClassVar = {"GET": [{Permission.CERTIFICATE_VIEW}]}

    @extend_schema(operation_id="certificates_get", responses=CertificateOut)
    def get(self, request: Request, certificate_id: UUID) -> Response:
        """Return a certificate's numbers and digests."""
        return Response(CertificateOut(selectors.certificate_get(self.actor, certificate_id)).data)


class RevocationIn(serializers.Serializer[Any]):
    """Why a document no longer holds; the text is kept encrypted."""

    reason = serializers.ChoiceField(sorted(str(reason) for reason in BY_PEOPLE))
    text = serializers.CharField(max_length=4000)


class RevokeCertificate(Resource):
    """Revoking."""

    needs: ClassVar = {"POST": [{Permission.CERTIFICATE_VIEW, Permission.CERTIFICATE_REVOKE}]}
    subject = OneCertificate

    @extend_schema(
        operation_id="certificates_revoke", request=RevocationIn, responses=CertificateOut
    )
    def post(self, request: Request, certificate_id: UUID) -> Response:
        """Revoke a document; it stays in the log and on the public status list."""
        revoked = certificate_revoke(
            actor=self.actor, certificate_id=certificate_id, **self.read(RevocationIn)
        )
        return Response(CertificateOut(revoked).data)


class SupersessionIn(serializers.Serializer[Any]):
    """Why a newer document is wanted, and in which language; the text is kept encrypted."""

    reason = serializers.ChoiceField(sorted(str(reason) for reason in SupersessionReason))
    text = serializers.CharField(max_length=4000)
    language = serializers.ChoiceField(LANGUAGES, required=False, default="")


class SupersedeCertificate(Resource):
    """Superseding."""

    needs: ClassVar = {"POST": [{Permission.CERTIFICATE_VIEW, Permission.CERTIFICATE_REVOKE}]}
    subject = OneCertificate

    @extend_schema(
        operation_id="certificates_supersede",
        request=SupersessionIn,
        responses={202: CertificateOut},
    )
    def post(self, request: Request, certificate_id: UUID) -> Response:
        """Have a newer document made; once it is issued, this one is revoked as superseded."""
        certificate_supersede(
            actor=self.actor, certificate_id=certificate_id, **self.read(SupersessionIn)
        )
        older = selectors.certificate_get(self.actor, certificate_id)
        return Response(CertificateOut(older).data, status=202)


class CertificateStatus(Resource):
    """The status list."""

    needs: ClassVar = {"GET": [{Permission.CERTIFICATE_VIEW}]}

    @extend_schema(operation_id="certificates_status", responses=SIDECAR)
    def get(self, request: Request) -> HttpResponse:
        """Return the signed list of revoked documents, as it is published for everyone."""
        return HttpResponse(status_published(), content_type="application/json")


class CertificatePdf(Resource):
    """The document."""

    renderer_classes = (PdfFile,)
    needs: ClassVar = {"GET": [{Permission.CERTIFICATE_VIEW}]}

    @extend_schema(operation_id="certificates_pdf", responses=PDF)
    def get(self, request: Request, certificate_id: UUID) -> HttpResponse:
        """Return the signed PDF, byte for byte as it was logged."""
        certificate = selectors.certificate_get(self.actor, certificate_id)
        return HttpResponse(selectors.certificate_pdf(certificate), content_type="application/pdf")


class CertificateSidecar(Resource):
    """The proof beside the document."""

    needs: ClassVar = {"GET": [{Permission.CERTIFICATE_VIEW}]}

    @extend_schema(operation_id="certificates_sidecar", responses=SIDECAR)
    def get(self, request: Request, certificate_id: UUID) -> HttpResponse:
        """Return the proof that the log recorded this PDF."""
        certificate = selectors.certificate_get(self.actor, certificate_id)
        return HttpResponse(
            selectors.certificate_sidecar(certificate), content_type="application/json"
        )
