"""`console` and `console-user`: serve the web console, and create its users."""

from typing import Annotated

import typer

from order_import.cli.context import read_settings
from order_import.console.access import (
    NAME,
    Role,
    access_of,
    address_of,
    hash_password,
    hash_token,
    new_token,
)
from order_import.logs import logging_to_stderr
from order_import.settings import warn_of_exposed_files

_MIN_PASSWORD_LENGTH = 10


def console() -> None:
    """Serve the web console until Ctrl-C or SIGTERM."""
    # Importing uvicorn and the pages takes a moment, which would delay all other commands.
    import uvloop  # noqa: PLC0415

    from order_import.console.app import serve_console  # noqa: PLC0415

    settings = read_settings()
    access_of(settings)
    typer.echo(f"console at {address_of(settings)}", err=True)
    with logging_to_stderr(settings):
        warn_of_exposed_files(settings)
        uvloop.run(serve_console(settings))


def console_user(
    name: Annotated[str, typer.Argument(help="Letters, digits and . _ @ -")],
    role: Annotated[
        Role,
        typer.Argument(
            help="A viewer can only read; an operator can edit; downstream is a program that "
            "claims buyers."
        ),
    ],
) -> None:
    """Print a line for the users file, for a password from a prompt or standard input.

    For a program, the line is for a new token, which is printed once on standard error.
    """
    if not NAME.fullmatch(name):
        raise typer.BadParameter("expected letters, digits and . _ @ -", param_hint="NAME")
    if role is Role.DOWNSTREAM:
        token = new_token()
        typer.echo(f"token: {token}", err=True)
        typer.echo(f"{name}:{role.value}:{hash_token(token)}")
        return
    password = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    if len(password) < _MIN_PASSWORD_LENGTH:
        expected = f"expected at least {_MIN_PASSWORD_LENGTH} characters"
        raise typer.BadParameter(expected, param_hint="password")
    typer.echo(f"{name}:{role.value}:{hash_password(password)}")
