"""`notify`: tell people of blocked orders by webhook and e-mail."""

import asyncio
from typing import Annotated

import typer

from order_import.cli.context import REFUSED, read_settings
from order_import.logs import logging_to_stderr
from order_import.settings import warn_of_exposed_files


def notify(
    test: Annotated[
        bool, typer.Option("--test", help="Send an example to each channel, and exit.")
    ] = False,
) -> None:
    """Notify people of blocked orders by webhook and e-mail, until Ctrl-C or SIGTERM.

    One message for each cause, with the remedy and a link to its what-if in the console. Another
    message follows only if there are twice as many orders, if the ship-by date comes near, and
    when the cause is resolved.
    """
    # Importing the clients takes a moment, which would delay all other commands.
    import uvloop  # noqa: PLC0415

    from order_import.notify.process import run_notifier, send_examples  # noqa: PLC0415

    settings = read_settings()
    if test:
        results = asyncio.run(send_examples(settings))
        for name, failure in results.items():
            typer.echo(f"{name}: {'sent' if failure is None else f'not sent: {failure}'}")
        if any(results.values()):
            raise typer.Exit(REFUSED)
        return
    with logging_to_stderr(settings):
        warn_of_exposed_files(settings)
        uvloop.run(run_notifier(settings))
