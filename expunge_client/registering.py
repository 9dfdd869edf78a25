"""``expunge models``, ``expunge datasets`` and ``expunge certificates``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer

from expunge_client.client import Client
from expunge_client.errors import ExpungeError
from expunge_client.output import AsJson, show, show_all

models = typer.Typer(no_args_is_help=True, help="Models and what they were trained on.")
datasets = typer.Typer(no_args_is_help=True, help="Datasets.")
certificates = typer.Typer(no_args_is_help=True, help="What was issued.")


@models.command("list")
def list_models(*, as_json: AsJson = False) -> None:
    """List models."""
    with Client() as client:
        show_all(client.models(), ("name", "family", "id"), as_json=as_json)


@models.command("register")
def register_model(  # noqa: PLR0913 - a version is written once, whole
    name: Annotated[str, typer.Argument(help="The model's name; a new name makes a new model.")],
    uri: Annotated[str, typer.Argument(help="Where the artifact lies: a folder or s3://...")],
    *,
    dataset_digest: Annotated[
        list[str] | None, typer.Option(help="What it was trained on.")
    ] = None,
    dataset_version: Annotated[list[UUID] | None, typer.Option(help="The same, by id.")] = None,
    recipe: Annotated[Path | None, typer.Option(help="A JSON file: how it was trained.")] = None,
    parent_digest: Annotated[str | None, typer.Option(help="What it was made from.")] = None,
    family: Annotated[str, typer.Option()] = "causal_lm",
    layout: Annotated[str, typer.Option(help="whole or sharded.")] = "whole",
    as_json: AsJson = False,
) -> None:
    """Register what a training run made; the same files again are the same version."""
    with Client() as client:
        version = client.model_register(
            model=name,
            uri=uri,
            dataset_digests=dataset_digest or (),
            dataset_versions=dataset_version or (),
            recipe=_recipe(recipe),
            parent_digest=parent_digest,
            family=family,
            layout=layout,
        )
    lines = [f"{name} v{version.number}  {version.id}", version.digest]
    show(version, lines, as_json=as_json)


@datasets.command("list")
def list_datasets(*, as_json: AsJson = False) -> None:
    """List datasets; --json shows their versions with the digests."""
    with Client() as client:
        show_all(client.datasets(), ("name", "id"), as_json=as_json)


@datasets.command("register")
def register_dataset(name: str, uri: str, *, as_json: AsJson = False) -> None:
    """Register a dataset folder as the next version of the named dataset."""
    with Client() as client:
        version = client.dataset_register(name, uri)
    lines = [f"{name} v{version.number}  {version.record_count} records", version.digest]
    show(version, lines, as_json=as_json)


@certificates.command("list")
def list_certificates(
    ticket: Annotated[str | None, typer.Option(help="Of this ticket only.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """List issued documents, newest first."""
    with Client() as client:
        columns = ("number", "version", "title", "issued_at", "id")
        show_all(client.certificates(ticket), columns, as_json=as_json)


@certificates.command("download")
def download(
    certificate: Annotated[str, typer.Argument(help="Its number or its id.")],
    into: Annotated[Path, typer.Option(help="The folder to write to.")] = Path(),
) -> None:
    """Fetch the signed PDF and the proof beside it, as the offline verifier wants them."""
    with Client() as client:
        named = [
            item for item in client.certificates() if certificate in {str(item.id), item.number}
        ]
        if not named:
            raise ExpungeError("There is no such certificate for you.")
        number, found = named[0].number, named[0].id
        parts = {".pdf": client.certificate_pdf(found), ".json": client.certificate_sidecar(found)}
    into.mkdir(parents=True, exist_ok=True)
    for ending, content in parts.items():
        file = into / f"{number}{ending}"
        file.write_bytes(content)
        typer.echo(str(file))


def _recipe(file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        return dict(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise typer.BadParameter(f"{file} is no readable JSON object.") from error
