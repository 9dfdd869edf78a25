"""The addresses of the pages."""

from django.urls import path

from expunge.web.views import account, dashboard

app_name = "web"
urlpatterns = [
    path("", dashboard.dashboard, name="dashboard"),
    path("sign-in/", account.sign_in, name="sign-in"),
    path("sign-out/", account.sign_out, name="sign-out"),
]
