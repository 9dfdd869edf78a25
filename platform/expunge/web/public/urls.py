"""The addresses for data subjects. A secret stands in one of them, and only to be exchanged."""

from django.urls import path

from expunge.web.public import verify, views

app_name = "public"
urlpatterns = [
    path("verify/", verify.verify, name="verify"),
    path("ask/<uuid:controller_id>/", views.ask, name="ask"),
    path("request/", views.status, name="status"),
    path("request/code/", views.code, name="code"),
    path("request/code/new/", views.code_new, name="code-new"),
    path("request/withdraw/", views.withdraw, name="withdraw"),
    path("request/leave/", views.leave, name="leave"),
    path("request/documents/<uuid:certificate_id>.pdf", views.document, name="document"),
    path("request/<str:token>/", views.enter, name="enter"),
]
