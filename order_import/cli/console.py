"""`console` and `console-user`: the operators' pages, and who may see them."""

from typing import Annotated

import typer

from order_import.cli.context import read_settings
from order_import.console.access import NAME, Role, access_of, address_of, hash_password
from order_import.logs import logging_to_stderr
from order_import.settings import warn_of_exposed_files


def console() -> None:
    """Serve the operators' pages until Ctrl-C or SIGTERM."""
    # Uvicorn and the pages take a moment to import, which no other command has to wait for.
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
    role: Annotated[Role, typer.Argument(help="A viewer looks; an operator also acts.")],
) -> None:
    """Print a line for the users file; the password is asked for, or read from standard input."""
    if not NAME.fullmatch(name):
        raise typer.BadParameter("expected letters, digits and . _ @ -", param_hint="NAME")
    password = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    if len(password) < _SHORTEST:
        raise typer.BadParameter(f"expected at least {_SHORTEST} characters", param_hint="password")
    typer.echo(f"{name}:{role.value}:{hash_password(password)}")


_SHORTEST = 10
