"""How the REST API answers and describes itself, and how much it does for a caller."""

import os

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["expunge.api.authentication.TokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["expunge.api.parsers.BoundedJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_THROTTLE_CLASSES": ["expunge.api.limits.TokenLimit"],
    "EXCEPTION_HANDLER": "expunge.api.errors.problem_handler",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Expunge API",
    "DESCRIPTION": "Deletion requests for trained models: file, watch, and fetch the evidence.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "ENUM_NAME_OVERRIDES": {
        "TicketState": "expunge.api.v1.tickets.STATES",
        "JobState": "expunge.api.v1.jobs.JOB_STATES",
        "AttemptState": "expunge.api.v1.jobs.ATTEMPT_STATES",
        "ReverificationState": "expunge.api.v1.reverifications.REVIEW_STATES",
        "Arm": "expunge.registry.models.Arm",
        "EventKind": "expunge.api.v1.webhooks.EVENTS",
        "OutboxState": "expunge.api.v1.webhooks.OUTBOX_STATES",
        "NoticeKind": "expunge.api.v1.notices.NOTICES",
        "Language": "expunge.api.v1.notices.LANGUAGES",
        "RecipientRole": "expunge.api.v1.recipients.ROLES",
        "RecipientExcuse": "expunge.api.v1.recipients.EXCUSES",
        "Role": "expunge.api.v1.people.ROLES",
        "HoldKind": "expunge.api.v1.holds.HOLD_KINDS",
        "HoldReason": "expunge.api.v1.holds.HOLD_REASONS",
        "ReleaseReason": "expunge.api.v1.holds.RELEASE_REASONS",
        "TicketTask": "expunge.api.v1.bulk.TASKS",
        "Scope": "expunge.api.v1.tokens.SCOPES",
        "IdentityLevel": "expunge.api.v1.subjects.LEVELS",
        "IdentityStanding": "expunge.api.v1.subjects.STANDINGS",
        "IntakeStanding": "expunge.api.v1.intakes.INTAKE_STANDINGS",
        "DeclineReason": "expunge.api.v1.intakes.DECLINE_REASONS",
    },
}

# Calls a minute: of a token, and of an address that shows no good one.
EXPUNGE_API_CALLS = int(os.environ.get("EXPUNGE_API_CALLS", "600"))
EXPUNGE_API_STRANGER_CALLS = int(os.environ.get("EXPUNGE_API_STRANGER_CALLS", "60"))
# Who waits for news of a ticket keeps a thread of the web server: so many in one process, and a
# stream no longer than this.
EXPUNGE_API_WAITERS = int(os.environ.get("EXPUNGE_API_WAITERS", "2"))
EXPUNGE_API_STREAM_SECONDS = int(os.environ.get("EXPUNGE_API_STREAM_SECONDS", "60"))
