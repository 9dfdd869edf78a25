"""The addresses of the pages. None carries anything personal: things go by their ids."""

from django.urls import path, register_converter

from expunge.web.converters import TaskConverter
from expunge.web.views import (
    account,
    audit,
    certificates,
    dashboard,
    filing,
    language,
    registry,
    tickets,
    work,
)

register_converter(TaskConverter, "task")

app_name = "web"
urlpatterns = [
    path("", dashboard.dashboard, name="dashboard"),
    path("sign-in/", account.sign_in, name="sign-in"),
    path("sign-out/", account.sign_out, name="sign-out"),
    path("language/", language.language, name="language"),
    path("tickets/", tickets.tickets, name="tickets"),
    path("tickets/find/", tickets.find, name="find"),
    path("tickets/new/", filing.scope, name="file"),
    path("tickets/new/scope/", filing.scope_change, name="file-scope"),
    path("tickets/new/search/<uuid:dataset_id>/", filing.scope_search, name="file-search"),
    path("tickets/new/request/", filing.request_form, name="file-request"),
    path("tickets/<uuid:ticket_id>/", tickets.ticket, name="ticket"),
    path("tickets/<uuid:ticket_id>/work/", work.work, name="work"),
    path("tickets/<uuid:ticket_id>/<task:task>/", tickets.do, name="do"),
    path("attempts/<uuid:attempt_id>/progress/", work.progress, name="progress"),
    path("jobs/<uuid:job_id>/cancel/", work.cancel, name="cancel"),
    path("models/", registry.models, name="models"),
    path("models/<uuid:model_id>/", registry.model, name="model"),
    path("datasets/", registry.datasets, name="datasets"),
    path("datasets/<uuid:dataset_id>/", registry.dataset, name="dataset"),
    path("datasets/<uuid:dataset_id>/branches/", registry.branches, name="branches"),
    path("datasets/<uuid:dataset_id>/search/", registry.dataset_search, name="dataset-search"),
    path("certificates/", certificates.certificates, name="certificates"),
    path("certificates/<uuid:certificate_id>.pdf", certificates.pdf, name="certificate-pdf"),
    path(
        "certificates/<uuid:certificate_id>.json", certificates.sidecar, name="certificate-sidecar"
    ),
    path("audit/", audit.audit, name="audit"),
    path("audit/<int:seq>/", audit.leaf, name="audit-leaf"),
]
