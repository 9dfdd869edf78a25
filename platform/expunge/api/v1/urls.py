"""The addresses of the REST API v1."""

from django.urls import path, re_path
from drf_spectacular.views import SpectacularJSONAPIView

from expunge.api.errors import not_found
from expunge.api.v1 import (
    alerts,
    audit,
    bulk,
    certificates,
    containment,
    datasets,
    events,
    exemptions,
    holds,
    jobs,
    models,
    organisation,
    people,
    tickets,
    tokens,
    training,
)
from expunge.tickets.rules import Task

app_name = "v1"
tasks = [
    path(
        f"tickets/<uuid:ticket_id>/{task.replace('_', '-')}",
        tickets.task_view(task).as_view(),
        name=f"ticket-{task.replace('_', '-')}",
    )
    for task in Task
]
urlpatterns = [
    path("schema", SpectacularJSONAPIView.as_view(), name="schema"),
    path("tickets", tickets.Tickets.as_view(), name="tickets"),
    path("tickets/search", tickets.SearchTickets.as_view(), name="ticket-search"),
    path("tickets/bulk", bulk.BulkTickets.as_view(), name="ticket-bulk"),
    path("tickets/export", bulk.ExportTickets.as_view(), name="ticket-export"),
    path("tickets/<uuid:ticket_id>", tickets.OneTicket.as_view(), name="ticket"),
    path("tickets/<uuid:ticket_id>/jobs", jobs.TicketJobs.as_view(), name="ticket-jobs"),
    path("tickets/<uuid:ticket_id>/events", events.TicketEvents.as_view(), name="ticket-events"),
    *tasks,
    path(
        "tickets/<uuid:ticket_id>/exemptions",
        exemptions.TicketExemptions.as_view(),
        name="ticket-exemptions",
    ),
    path("exemptions", exemptions.Exemptions.as_view(), name="exemptions"),
    path("exemptions/<uuid:exemption_id>", exemptions.OneExemption.as_view(), name="exemption"),
    path(
        "exemptions/<uuid:exemption_id>/release",
        exemptions.ReleaseExemption.as_view(),
        name="exemption-release",
    ),
    path(
        "exemptions/<uuid:exemption_id>/review",
        exemptions.ReviewExemption.as_view(),
        name="exemption-review",
    ),
    path("holds", holds.Holds.as_view(), name="holds"),
    path("holds/<uuid:hold_id>", holds.OneHold.as_view(), name="hold"),
    path("holds/<uuid:hold_id>/release", holds.ReleaseHold.as_view(), name="hold-release"),
    path(
        "tickets/<uuid:ticket_id>/containment",
        containment.TicketContainment.as_view(),
        name="ticket-containment",
    ),
    path("containment", containment.Bundles.as_view(), name="containment"),
    path("containment/key", containment.SigningKey.as_view(), name="containment-key"),
    path("containment/<uuid:bundle_id>", containment.OneBundle.as_view(), name="bundle"),
    path("alerts", alerts.Alerts.as_view(), name="alerts"),
    path("alerts/<uuid:alert_id>", alerts.OneAlert.as_view(), name="alert"),
    path("alerts/<uuid:alert_id>/decide", alerts.DecideAlert.as_view(), name="alert-decide"),
    path("scopes/counts", datasets.ScopeCounts.as_view(), name="scope-counts"),
    path("datasets", datasets.Datasets.as_view(), name="datasets"),
    path("datasets/<uuid:dataset_id>", datasets.OneDataset.as_view(), name="dataset"),
    path("datasets/<uuid:dataset_id>/nodes", datasets.Nodes.as_view(), name="nodes"),
    path("datasets/<uuid:dataset_id>/search", datasets.NodeSearch.as_view(), name="node-search"),
    path("models", models.Models.as_view(), name="models"),
    path("models/<uuid:model_id>", models.OneModel.as_view(), name="model"),
    path("models/<uuid:model_id>/versions", models.ModelVersions.as_view(), name="versions"),
    path("model-versions", training.TrainingRuns.as_view(), name="training-runs"),
    path("model-versions/<uuid:version_id>", models.OneModelVersion.as_view(), name="version"),
    path("jobs", jobs.Jobs.as_view(), name="jobs"),
    path("jobs/<uuid:job_id>", jobs.OneJob.as_view(), name="job"),
    path("jobs/<uuid:job_id>/cancel", jobs.CancelJob.as_view(), name="job-cancel"),
    path("attempts/<uuid:attempt_id>", jobs.OneAttempt.as_view(), name="attempt"),
    path("certificates", certificates.Certificates.as_view(), name="certificates"),
    path(
        "certificates/<uuid:certificate_id>",
        certificates.OneCertificate.as_view(),
        name="certificate",
    ),
    path(
        "certificates/<uuid:certificate_id>/pdf",
        certificates.CertificatePdf.as_view(),
        name="certificate-pdf",
    ),
    path(
        "certificates/<uuid:certificate_id>/sidecar",
        certificates.CertificateSidecar.as_view(),
        name="certificate-sidecar",
    ),
    path("tokens", tokens.Tokens.as_view(), name="tokens"),
    path("tokens/current", tokens.CurrentToken.as_view(), name="token-current"),
    path("tokens/rotate", tokens.RotateToken.as_view(), name="token-rotate"),
    path("tokens/<uuid:token_id>", tokens.OneToken.as_view(), name="token"),
    path("people", people.People.as_view(), name="people"),
    path("people/<uuid:user_id>", people.OnePerson.as_view(), name="person"),
    path("people/<uuid:user_id>/roles", people.PersonRoles.as_view(), name="person-roles"),
    path("people/<uuid:user_id>/roles/<slug:role>", people.OneRole.as_view(), name="person-role"),
    path("organisation", organisation.Organisation.as_view(), name="organisation"),
    path("organisation/policy", organisation.Policy.as_view(), name="policy"),
    path("organisation/policies", organisation.Policies.as_view(), name="policies"),
    path("audit/leaves", audit.Leaves.as_view(), name="leaves"),
    path("audit/leaves/<int:seq>/proof", audit.LeafProof.as_view(), name="leaf-proof"),
    path("audit/checkpoint", audit.LatestCheckpoint.as_view(), name="checkpoint"),
    re_path(r"^(?P<path>.*)$", not_found, name="not-found"),
]
