"""The command ``expunge``: tickets, models, datasets and certificates from a terminal.

It ends with 0 when all went well, 1 when the platform refused, 2 when it was called wrongly, 3
when there is no address or token, 4 when the platform does not answer.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from expunge_client.client import Client
from expunge_client.configuration import Login, login_keep
from expunge_client.errors import ConfigurationError, ExpungeError, UnreachableError
from expunge_client.registering import certificates, datasets, models
from expunge_client.requests import tickets

REFUSED, NO_LOGIN, NO_ANSWER, INTERRUPTED = 1, 3, 4, 130

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Deletion requests for trained models: file, watch, register, fetch the evidence.",
)
app.add_typer(tickets, name="tickets")
app.add_typer(models, name="models")
app.add_typer(datasets, name="datasets")
app.add_typer(certificates, name="certificates")


@app.command("login")
def keep_login(
    url: Annotated[str, typer.Argument(help="Where the platform is: https://...")],
    token: Annotated[
        str, typer.Option(prompt=True, hide_input=True, help="Asked for when it is not given.")
    ],
) -> None:
    """Keep an address and a token in a file that only you can read."""
    wanted = Login(url, token)
    with Client(wanted.url, wanted.token) as client:
        known = client.token()
    file = login_keep(wanted)
    typer.echo(f"Kept in {file}: '{known.name}', good until {known.expires_at:%Y-%m-%d}.")


@app.command("rotate")
def rotate(
    overlap: Annotated[int, typer.Option(help="Minutes for which the old one stays good.")] = 10,
) -> None:
    """Replace the token by a new one with the same scopes, and keep that."""
    with Client() as client:
        fresh = client.token_rotate(overlap)
        file = login_keep(Login(client.url, fresh.secret))
    typer.echo(f"Kept in {file}: '{fresh.name}', good until {fresh.expires_at:%Y-%m-%d}.")


def main() -> None:
    """Run the command; say what went wrong in a sentence, with a code for scripts."""
    try:
        app()
    except ConfigurationError as error:
        _end(error, NO_LOGIN)
    except UnreachableError as error:
        _end(error, NO_ANSWER)
    except ExpungeError as error:
        _end(error, REFUSED)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _end(error: Exception, code: int) -> None:
    typer.echo(f"expunge: {error}", err=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
