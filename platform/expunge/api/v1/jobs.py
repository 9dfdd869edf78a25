"""Jobs and attempts: what is at work, how far it is, what it found; cancelling."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from contract.page import page_policy, report_page
from expunge.accounts.permissions import Permission
from expunge.api.formats import HtmlPage
from expunge.api.resource import ListResource, Resource
from expunge.jobs import selectors
from expunge.jobs.models import ErasureJob
from expunge.jobs.services import job_cancel
from expunge.jobs.states import AttemptState, JobState
from expunge.tickets.selectors import ticket_get

PAGE = {(200, "text/html"): OpenApiTypes.STR}
JOB_STATES = [str(state) for state in JobState]
ATTEMPT_STATES = [str(state) for state in AttemptState]


class AttemptLine(serializers.Serializer[Any]):
    """An attempt and how far it is; ``total`` 0: its end is not known."""

    id = serializers.UUIDField(source="pk")
    number = serializers.IntegerField()
    method = serializers.CharField()
    reason = serializers.CharField()
    state = serializers.ChoiceField(ATTEMPT_STATES)
    phase = serializers.CharField()
    message = serializers.CharField()
    done = serializers.IntegerField()
    total = serializers.IntegerField()
    started_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)


class PlanLine(serializers.Serializer[Any]):
    """A method's place in the learned order (0: left out) and what it rests on.

    `chance` of a pass; `cost` and `per_success` in units of one try of the ladder's last method;
    `tried` and `passed` on this model, `prior_` in the benchmark.
    """

    method = serializers.CharField()
    place = serializers.IntegerField()
    tried = serializers.IntegerField()
    passed = serializers.IntegerField()
    prior_tried = serializers.IntegerField()
    prior_passed = serializers.IntegerField()
    chance = serializers.FloatField()
    cost = serializers.FloatField()
    per_success = serializers.FloatField()


class PlanOut(serializers.Serializer[Any]):
    """The order in which methods are tried; empty where the ladder's own order holds."""

    order = serializers.ListField(child=serializers.CharField(), required=False)
    lines = PlanLine(many=True, required=False)


class AttemptOut(AttemptLine):
    """An attempt in full: the library's result and the verifier's report, `null` where none is."""

    job = serializers.UUIDField(source="job_id")
    settings = serializers.JSONField()
    plan = PlanOut()
    seed = serializers.IntegerField()
    cancel_requested = serializers.BooleanField()
    preregistration = serializers.CharField()
    result = serializers.JSONField()
    report = serializers.JSONField()
    failure = serializers.JSONField()


class JobOut(serializers.Serializer[Any]):
    """The erasure of a ticket's scope from one model version."""

    id = serializers.UUIDField(source="pk")
    ticket = serializers.UUIDField(source="ticket_id")
    original = serializers.UUIDField(source="original_id")
    result = serializers.UUIDField(source="result_id", allow_null=True)
    state = serializers.ChoiceField(JOB_STATES)
    created_at = serializers.DateTimeField()
    attempts = AttemptLine(many=True, source="attempts.all")


class Jobs(ListResource[ErasureJob]):
    """Everything that is waiting or at work."""

    needs: ClassVar = {"GET": [{Permission.TICKET_VIEW}]}
    serializer_class = JobOut

    @extend_schema(operation_id="jobs_list")
    def get(self, request: Request) -> Response:
        """List the open jobs of the token's organisation."""
        return self.listing(selectors.jobs_open(self.actor))


class TicketJobs(Resource):
    """The jobs of a ticket."""

    needs: ClassVar = {"GET": [{Permission.TICKET_VIEW}]}

    @extend_schema(operation_id="ticket_jobs_list", responses={200: JobOut(many=True)})
    def get(self, request: Request, ticket_id: UUID) -> Response:
        """List a ticket's jobs with their attempts."""
        ticket = ticket_get(self.actor, ticket_id)
        return Response(JobOut(selectors.jobs_of(self.actor, ticket), many=True).data)


class OneJob(Resource):
    """One job."""

    needs: ClassVar = {"GET": [{Permission.TICKET_VIEW}]}

    @extend_schema(operation_id="jobs_get", responses=JobOut)
    def get(self, request: Request, job_id: UUID) -> Response:
        """Return a job with its attempts."""
        return Response(JobOut(selectors.job_get(self.actor, job_id)).data)


class CancelJob(Resource):
    """Cancelling."""

    subject = OneJob
    needs: ClassVar = {"POST": [{Permission.TICKET_VIEW, Permission.JOB_OPERATE}]}

    @extend_schema(operation_id="jobs_cancel", request=None, responses=JobOut)
    def post(self, request: Request, job_id: UUID) -> Response:
        """Cancel a job; its ticket ends up not verified and can be tried again."""
        return Response(JobOut(job_cancel(actor=self.actor, job_id=job_id)).data)


class OneAttempt(Resource):
    """One attempt."""

    needs: ClassVar = {"GET": [{Permission.TICKET_VIEW}]}

    @extend_schema(operation_id="attempts_get", responses=AttemptOut)
    def get(self, request: Request, attempt_id: UUID) -> Response:
        """Return an attempt with its result, its report, or why it could not be run."""
        return Response(AttemptOut(selectors.attempt_get(self.actor, attempt_id)).data)


class AttemptReport(Resource):
    """The verifier's report on an attempt, to be read by people."""

    renderer_classes = (HtmlPage,)
    needs: ClassVar = {"GET": [{Permission.TICKET_VIEW}]}

    @extend_schema(operation_id="attempts_report", responses=PAGE)
    def get(self, request: Request, attempt_id: UUID) -> HttpResponse:
        """Return the report as one self-contained page; `report_unknown` where there is none."""
        found = selectors.attempt_report(selectors.attempt_get(self.actor, attempt_id))
        return HttpResponse(report_page(found), headers={"Content-Security-Policy": page_policy()})
