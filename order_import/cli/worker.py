"""`worker`: one worker process."""

import os
import signal

import typer

from order_import.cli.context import read_settings
from order_import.logs import logging_to_stderr
from order_import.settings import warn_of_exposed_files


def worker() -> None:
    """Run one worker until Ctrl-C or SIGTERM. Start as many as you like; the work is shared."""
    # Until the worker sees to it itself: asked to stop while it has done nothing, it has stopped.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    # Faust takes half a second to import, which no other command has to wait for.
    import uvloop  # noqa: PLC0415

    from order_import.worker import run_worker  # noqa: PLC0415

    settings = read_settings()
    with logging_to_stderr(settings):
        warn_of_exposed_files(settings)
        raise typer.Exit(uvloop.run(run_worker(settings)))
