"""The client: one method for each thing a pipeline or an office does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import httpx

from expunge_client.configuration import Login, login
from expunge_client.models import (
    CertificateOut,
    DatasetOut,
    DatasetVersionOut,
    ModelOut,
    ModelVersionOut,
    NewsOut,
    NewTokenOut,
    NodeOut,
    TicketLine,
    TicketOut,
    TokenOut,
)
from expunge_client.transport import Transport

WAIT_SECONDS = 25
ENDED = frozenset({"closed", "rejected", "withdrawn", "expired"})


class Client:
    """An Expunge platform as one token sees it.

    Without arguments the address and the token come from ``EXPUNGE_URL`` and ``EXPUNGE_TOKEN``,
    or from the file that ``expunge login`` wrote.

    Raises:
        Problem: The platform refused.
        UnreachableError: It could not be reached.
        ConfigurationError: Address or token are missing.
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        found = Login(url, token) if url and token else login(url, token)
        self.url = found.url
        self._call = Transport(found.url, found.token, transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._call.close()

    def token(self) -> TokenOut:
        """Return the token in use, without its secret."""
        return TokenOut.model_validate(self._call.get("tokens/current"))

    def token_rotate(self, overlap_minutes: int = 10) -> NewTokenOut:
        """Replace the token in use by a new one; the old one ends after the overlap."""
        body = {"overlap_minutes": overlap_minutes}
        return NewTokenOut.model_validate(self._call.post("tokens/rotate", body))

    def tickets(self, **filters: Any) -> Iterator[TicketLine]:
        """Yield the tickets that meet the filters of the API, newest receipt first."""
        for item in self._call.pages("tickets", **filters):
            yield TicketLine.model_validate(item)

    def ticket(self, ticket: UUID | str) -> TicketOut:
        """Return a ticket by its id, or by its reference.

        Raises ``Problem`` with ``ticket_unknown``.
        """
        return TicketOut.model_validate(self._call.get(f"tickets/{self._ticket_id(ticket)}"))

    def ticket_file(  # noqa: PLR0913 - a request has many parts
        self,
        *,
        nodes: Sequence[UUID | str],
        subject_name: str,
        regime: str = "gdpr",
        ground: str,
        contact: str = "",
        note: str = "",
        profile: str | None = None,
        received_at: datetime | None = None,
        identity_confirmed: bool = False,
        key: str | None = None,
    ) -> TicketOut:
        """File a deletion request for everything below the nodes.

        Without a profile the organisation's policy says what must be shown.
        """
        body: dict[str, Any] = {
            "regime": regime,
            "ground": ground,
            "nodes": [str(node) for node in nodes],
            "subject_name": subject_name,
            "contact": contact,
            "note": note,
            "received_at": received_at.isoformat() if received_at else None,
            "identity_confirmed": identity_confirmed,
            **({"profile": profile} if profile else {}),
        }
        return TicketOut.model_validate(self._call.post("tickets", body, key=key))

    def ticket_news(
        self, ticket: UUID | str, *, after: int = -1, mark: str | None = None, wait: int = 0
    ) -> NewsOut:
        """Return what happened to a ticket after an entry, waiting for it if asked to."""
        path = f"tickets/{self._ticket_id(ticket)}/events"
        return NewsOut.model_validate(self._call.get(path, after=after, mark=mark, wait=wait))

    def ticket_watch(self, ticket: UUID | str, *, after: int = -1) -> Iterator[NewsOut]:
        """Yield news of a ticket as they come, until it has ended."""
        ticket_id, mark = self._ticket_id(ticket), None
        while True:
            news = self.ticket_news(ticket_id, after=after, mark=mark, wait=WAIT_SECONDS)
            if news.events or news.mark != mark:
                yield news
            after, mark = news.after, news.mark
            moves = [item.data.get("to") for item in news.events if item.kind == "ticket.moved"]
            if moves and moves[-1] in ENDED:
                return

    def datasets(self) -> Iterator[DatasetOut]:
        """Yield the datasets with their versions."""
        for item in self._call.pages("datasets"):
            yield DatasetOut.model_validate(item)

    def dataset_register(self, name: str, uri: str) -> DatasetVersionOut:
        """Register a dataset folder as the next version of the named dataset."""
        body = {"name": name, "uri": uri}
        return DatasetVersionOut.model_validate(self._call.post("datasets", body))

    def scope_search(self, dataset: UUID | str, label: str) -> tuple[NodeOut, ...]:
        """Return the nodes of a dataset's tree with exactly this label."""
        found = self._call.post(f"datasets/{dataset}/search", {"label": label})
        return tuple(NodeOut.model_validate(item) for item in found)

    def models(self) -> Iterator[ModelOut]:
        """Yield the models."""
        for item in self._call.pages("models"):
            yield ModelOut.model_validate(item)

    def model_register(  # noqa: PLR0913 - a version is written once, whole
        self,
        *,
        model: str,
        uri: str,
        dataset_digests: Sequence[str] = (),
        dataset_versions: Sequence[UUID | str] = (),
        recipe: Mapping[str, Any] | None = None,
        family: str = "causal_lm",
        layout: str = "whole",
        parent_digest: str | None = None,
        parent: UUID | str | None = None,
    ) -> ModelVersionOut:
        """Register what a training run made; the same files again are the same version."""
        by_id = [{"dataset_version": str(item)} for item in dataset_versions]
        body = {
            "model": model,
            "family": family,
            "uri": uri,
            "layout": layout,
            "recipe": dict(recipe or {}),
            "trained_on": [*by_id, *({"digest": digest} for digest in dataset_digests)],
            "parent": str(parent) if parent else None,
            "parent_digest": parent_digest,
        }
        return ModelVersionOut.model_validate(self._call.post("model-versions", body))

    def certificates(self, ticket: UUID | str | None = None) -> Iterator[CertificateOut]:
        """Yield the issued documents, newest first; those of one ticket if named."""
        wanted = self._ticket_id(ticket) if ticket else None
        for item in self._call.pages("certificates"):
            certificate = CertificateOut.model_validate(item)
            if wanted is None or str(certificate.ticket) == wanted:
                yield certificate

    def certificate_pdf(self, certificate: UUID | str) -> bytes:
        """Return the signed PDF of a certificate."""
        return self._call.content(f"certificates/{certificate}/pdf", "application/pdf")

    def certificate_sidecar(self, certificate: UUID | str) -> bytes:
        """Return the proof that belongs beside the PDF of a certificate."""
        return self._call.content(f"certificates/{certificate}/sidecar", "application/json")

    def _ticket_id(self, ticket: UUID | str) -> str:
        """Return the id of a ticket that is named by its id or by its reference."""
        try:
            return str(UUID(str(ticket)))
        except ValueError:
            found = [item for item in self.tickets(reference=ticket) if item.reference == ticket]
            return str(found[0].id) if found else str(UUID(int=0))
