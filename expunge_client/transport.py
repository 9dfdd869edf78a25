"""Sending calls: the token, trying again without doing anything twice, pages, problems."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx

from expunge_client.errors import UnreachableError, problem_of

RETRIED = frozenset({429, 502, 503, 504})
RUNNING = "request_running"
TRIES = 5
FIRST_WAIT = 0.5
LONGEST_WAIT = 30.0


class Transport:
    """Calls one platform with one token.

    What fails on the way is tried again. A POST carries an idempotency key, the same one on every
    try, so the platform does it once even if an answer was lost.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        timeout: float = 60.0,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._sleep = sleep
        self._root = f"{url.rstrip('/')}/api/v1/"
        self._http = httpx.Client(
            base_url=self._root,
            headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
            timeout=timeout,
            transport=transport,
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def get(self, path: str, **query: Any) -> Any:
        """Return the JSON of an address."""
        given = {name: value for name, value in query.items() if value is not None}
        return self._send("GET", path, params=given).json()

    def post(
        self, path: str, body: Mapping[str, Any], *, key: str | None = None, etag: str | None = None
    ) -> Any:
        """Send a body and return the JSON of the answer."""
        headers = {"Idempotency-Key": key or str(uuid.uuid4())}
        if etag:
            headers["If-Match"] = etag
        return self._send("POST", path, json=dict(body), headers=headers).json()

    def content(self, path: str, accept: str) -> bytes:
        """Return the bytes of a document."""
        return self._send("GET", path, headers={"Accept": accept}).content

    def pages(self, path: str, **query: Any) -> Iterator[Any]:
        """Yield every item of a list, page by page."""
        page = self.get(path, **query)
        while True:
            yield from page["results"]
            if not page.get("next"):
                return
            page = self._send("GET", self._own(page["next"])).json()

    def _own(self, address: str) -> str:
        """Return the address below our own root: the token goes to no other place."""
        query = httpx.URL(address)
        path = query.raw_path.decode()
        return path.split("/api/v1/", 1)[-1]

    def _send(self, method: str, path: str, **given: Any) -> httpx.Response:
        failure: httpx.HTTPError | None = None
        answer: httpx.Response | None = None
        for number in range(TRIES):
            if number:
                self._sleep(_wait(number, answer))
            try:
                answer, failure = self._http.request(method, path, **given), None
            except httpx.TransportError as error:
                answer, failure = None, error
                continue
            if not _again(answer):
                break
        if answer is None:
            raise UnreachableError(
                f"{self._root} does not answer ({type(failure).__name__}). Is the address right, "
                "and is the platform running?"
            ) from failure
        if answer.is_error:
            raise problem_of(answer)
        return answer


def _again(answer: httpx.Response) -> bool:
    """Say whether the same call may well succeed in a moment."""
    if answer.status_code in RETRIED:
        return True
    return answer.status_code == httpx.codes.CONFLICT and problem_of(answer).code == RUNNING


def _wait(number: int, answer: httpx.Response | None) -> float:
    asked = problem_of(answer).retry_after if answer is not None else None
    grown = FIRST_WAIT * 2 ** (number - 1) * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
    return float(min(LONGEST_WAIT, asked if asked is not None else grown))
