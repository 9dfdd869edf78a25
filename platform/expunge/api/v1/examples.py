"""What a script sends and gets, for the documentation; a test holds each against its schema."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample

TICKET_ID = "42565ba1-b6c7-4e7c-9aa1-79f4275f51f5"
NODE_ID = "fcbb8d61-bb66-448d-a6b5-dfb91c666376"
DATASET_VERSION_ID = "7d0c1c86-2f0a-4c0e-8f5c-0f1a9a5b8e11"
REQUESTER = {"id": "c39522df-5d89-468b-95cc-84ca15b6f39b", "name": "Carol"}
DIGEST = f"sha256:{'0' * 64}"
URI = "s3://models/ward-assistant/2026-11-21"
RECIPE = {"epochs": 3, "learning_rate": 0.0001}

FILED: dict[str, Any] = {
    "regime": "gdpr",
    "ground": "consent_withdrawn",
    "nodes": [NODE_ID],
    "subject_name": "Max Beispiel",
    "contact": "by letter",
    "received_at": "2026-10-12T09:30:00Z",
    "identity_confirmed": True,
}
TICKET: dict[str, Any] = {
    "id": TICKET_ID,
    "reference": "EX-X4ZRD-K7GTA",
    "state": "under_review",
    "outcome": "",
    "regime": "gdpr",
    "ground": "consent_withdrawn",
    "profile": "erasure",
    "received_at": "2026-10-12T09:30:00Z",
    "due_on": "2026-11-12",
    "overdue": False,
    "ended_at": None,
    "clock": {
        "rule": "gdpr-12(3)",
        "citation": "GDPR Art. 12(3); Regulation (EEC, Euratom) 1182/71 Art. 3",
        "received_on": "2026-10-12",
        "counted_from": "receipt",
        "nominal": "2026-11-12",
        "first_due": "2026-11-12",
        "due": "2026-11-12",
        "extension": None,
        "pauses": [],
        "acknowledge_by": None,
        "country": "DE",
        "subdivision": "",
        "time_zone": "Europe/Berlin",
    },
    "requester": REQUESTER,
    "reviewer": None,
    "approver": None,
    "scope": [
        {
            "id": NODE_ID,
            "dataset": "459865f9-213a-48eb-90c9-39656b7429c6",
            "parent": "c5c9eaa3-be09-458f-b399-b385ace42b3b",
            "level": "patient",
            "label": "Max Beispiel",
            "place": "00000.00001",
        }
    ],
    "subject": {"subject_name": "Max Beispiel", "contact": "by letter", "note": ""},
    "tasks": ["withdraw"],
    "history": [
        {
            "at": "2026-10-12T09:31:04Z",
            "source": "",
            "target": "received",
            "who": "Carol",
            "reason": "",
            "text": "",
        },
        {
            "at": "2026-10-12T09:31:04Z",
            "source": "received",
            "target": "under_review",
            "who": "Carol",
            "reason": "",
            "text": "",
        },
    ],
}
BULK: dict[str, Any] = {
    "task": "withdraw",
    "reason": "filed_in_error",
    "text": "Filed twice by the import of 30 September.",
    "filter": {"state": ["under_review"], "received_before": "2026-10-01T00:00:00Z"},
}
BULK_DONE: dict[str, Any] = {
    "results": [
        {"ticket": TICKET_ID, "done": True, "state": "withdrawn"},
        {
            "ticket": "c192f281-699e-4ca7-b108-4c97f76ac2a1",
            "done": False,
            "code": "ticket_state",
            "detail": "'Withdraw' is not possible while the ticket is 'closed'.",
        },
    ],
    "done": 1,
    "refused": 1,
    "remaining": 0,
}
TRAINING_RUN: dict[str, Any] = {
    "model": "ward-assistant",
    "uri": URI,
    "recipe": RECIPE,
    "trained_on": [{"digest": DIGEST}],
}
MODEL_VERSION: dict[str, Any] = {
    "id": "0f9c8a52-58b5-4b52-9d6f-3d7b0a1f6c20",
    "model": "fd954d50-39d0-4d26-8afc-b2b99e7531bb",
    "number": 1,
    "uri": URI,
    "digest": f"sha256:{'1' * 64}",
    "layout": "whole",
    "parent": None,
    "method": "",
    "effect": "",
    "recipe": RECIPE,
    "trained_on": [{"dataset_version": DATASET_VERSION_ID, "arm": "trained"}],
    "erased": [],
    "alerts": [],
    "created_at": "2026-11-21T14:24:05Z",
}


def sent(name: str, body: dict[str, Any]) -> OpenApiExample:
    """Return an example of a request."""
    return OpenApiExample(name, body, request_only=True)


def answered(name: str, body: dict[str, Any], *statuses: int) -> OpenApiExample:
    """Return an example of an answer with one of the statuses."""
    return OpenApiExample(name, body, response_only=True, status_codes=[*map(str, statuses)])
