"""The addresses of the Data Rights Protocol; ``api_base`` in the directory ends with ``/drp``."""

from django.urls import path

from expunge.protocols.drp.views import AgentView, Exercise, OneExercise

urlpatterns = [
    path("drp/v1/agent/<str:agent_id>", AgentView.as_view()),
    path("drp/v1/data-rights-request", Exercise.as_view()),
    path("drp/v1/data-rights-request/", Exercise.as_view()),
    path("drp/v1/data-rights-request/<uuid:request_id>", OneExercise.as_view()),
]
