"""The addresses of the REST API v1."""

from django.urls import path, re_path

from expunge.api import documentation
from expunge.api.errors import not_found
from expunge.api.v1 import (
    agents,
    alerts,
    audit,
    bulk,
    certificates,
    containment,
    datasets,
    events,
    exemptions,
    holds,
    intakes,
    jobs,
    models,
    notices,
    numbers,
    organisation,
    people,
    recipients,
    reverifications,
    subjects,
    tickets,
    tokens,
    training,
    webhooks,
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
    path("schema", documentation.schema, name="schema"),
    path("docs", documentation.swagger, name="docs"),
    path("redoc", documentation.redoc, name="redoc"),
    path("tickets", tickets.Tickets.as_view(), name="tickets"),
    path("tickets/search", tickets.SearchTickets.as_view(), name="ticket-search"),
    path("tickets/bulk", bulk.BulkTickets.as_view(), name="ticket-bulk"),
    path("tickets/numbers", numbers.TicketNumbers.as_view(), name="ticket-numbers"),
    path("tickets/export", bulk.ExportTickets.as_view(), name="ticket-export"),
    path("tickets/<uuid:ticket_id>", tickets.OneTicket.as_view(), name="ticket"),
    path("tickets/<uuid:ticket_id>/jobs", jobs.TicketJobs.as_view(), name="ticket-jobs"),
    path("tickets/<uuid:ticket_id>/events", events.TicketEvents.as_view(), name="ticket-events"),
    *tasks,
    path(
        "tickets/<uuid:ticket_id>/identity",
        subjects.TicketIdentity.as_view(),
        name="ticket-identity",
    ),
    path(
        "tickets/<uuid:ticket_id>/identity/code",
        subjects.IdentityCode.as_view(),
        name="identity-code",
    ),
    path(
        "tickets/<uuid:ticket_id>/identity/code/entry",
        subjects.IdentityCodeEntry.as_view(),
        name="identity-code-entry",
    ),
    path(
        "tickets/<uuid:ticket_id>/identity/evidence",
        subjects.IdentityEvidence.as_view(),
        name="identity-evidence",
    ),
    path(
        "tickets/<uuid:ticket_id>/identity/attestation",
        subjects.IdentityAttestation.as_view(),
        name="identity-attestation",
    ),
    path(
        "tickets/<uuid:ticket_id>/duplicates",
        subjects.TicketDuplicates.as_view(),
        name="ticket-duplicates",
    ),
    path(
        "tickets/<uuid:ticket_id>/status-links",
        subjects.StatusLinks.as_view(),
        name="ticket-status-links",
    ),
    path("intakes", intakes.Intakes.as_view(), name="intakes"),
    path("intakes/<uuid:intake_id>", intakes.OneIntake.as_view(), name="intake"),
    path("intakes/<uuid:intake_id>/ticket", intakes.IntakeTicket.as_view(), name="intake-ticket"),
    path(
        "intakes/<uuid:intake_id>/decline", intakes.IntakeDecline.as_view(), name="intake-decline"
    ),
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
    path(
        "attempts/<uuid:attempt_id>/report.html",
        jobs.AttemptReport.as_view(),
        name="attempt-report",
    ),
    path("reverifications", reverifications.Reverifications.as_view(), name="reverifications"),
    path(
        "reverifications/<uuid:reverification_id>",
        reverifications.OneReverification.as_view(),
        name="reverification",
    ),
    path("certificates/status", certificates.CertificateStatus.as_view(), name="status-list"),
    path(
        "certificates/<uuid:certificate_id>/revoke",
        certificates.RevokeCertificate.as_view(),
        name="certificate-revoke",
    ),
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
    path("audit/check", audit.AuditCheck.as_view(), name="audit-check"),
    path("audit/checkpoint", audit.LatestCheckpoint.as_view(), name="checkpoint"),
    path("audit/continuation", audit.Continuations.as_view(), name="audit-continuation"),
    path("audit/cosignatures", audit.Cosignatures.as_view(), name="audit-cosignatures"),
    path("agents", agents.Agents.as_view(), name="agents"),
    path("agents/<uuid:agent_id>", agents.OneAgent.as_view(), name="agent"),
    path("business", agents.BusinessName.as_view(), name="business"),
    path("webhooks", webhooks.Webhooks.as_view(), name="webhooks"),
    path("webhooks/<uuid:webhook_id>", webhooks.OneWebhook.as_view(), name="webhook"),
    path(
        "webhooks/<uuid:webhook_id>/rotate", webhooks.RotateWebhook.as_view(), name="webhook-rotate"
    ),
    path(
        "webhooks/<uuid:webhook_id>/enable", webhooks.EnableWebhook.as_view(), name="webhook-enable"
    ),
    path(
        "webhooks/<uuid:webhook_id>/disable",
        webhooks.DisableWebhook.as_view(),
        name="webhook-disable",
    ),
    path("webhooks/<uuid:webhook_id>/test", webhooks.TestWebhook.as_view(), name="webhook-test"),
    path("webhooks/<uuid:webhook_id>/deliveries", webhooks.Deliveries.as_view(), name="deliveries"),
    path(
        "deliveries/<uuid:delivery_id>/retry",
        webhooks.RetryDelivery.as_view(),
        name="delivery-retry",
    ),
    path("notices", notices.Notices.as_view(), name="notices"),
    path("notices/<uuid:notice_id>", notices.OneNotice.as_view(), name="notice"),
    path("notices/<uuid:notice_id>/retry", notices.RetryNotice.as_view(), name="notice-retry"),
    path(
        "notices/<uuid:notice_id>/take-over", notices.TakeOverNotice.as_view(), name="notice-take"
    ),
    path("notices/<uuid:notice_id>/sent", notices.NoticeSent.as_view(), name="notice-sent"),
    path("notice-templates", notices.NoticeTemplates.as_view(), name="notice-templates"),
    path(
        "notice-templates/<slug:kind>/<slug:language>",
        notices.OneNoticeTemplate.as_view(),
        name="notice-template",
    ),
    path("recipients", recipients.Recipients.as_view(), name="recipients"),
    path("recipients/<uuid:recipient_id>", recipients.OneRecipient.as_view(), name="recipient"),
    path("recipient-notices", recipients.RecipientNotices.as_view(), name="recipient-notices"),
    path(
        "recipient-notices/<uuid:notice_id>/acknowledge",
        recipients.AcknowledgeRecipient.as_view(),
        name="recipient-acknowledge",
    ),
    path(
        "recipient-notices/<uuid:notice_id>/excuse",
        recipients.ExcuseRecipient.as_view(),
        name="recipient-excuse",
    ),
    re_path(r"^(?P<path>.*)$", not_found, name="not-found"),
]
