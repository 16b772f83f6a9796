"""`worker`: run one worker process."""

import os
import signal

import typer

from order_import.cli.context import read_settings
from order_import.logs import logging_to_stderr
from order_import.settings import warn_of_exposed_files


def worker() -> None:
    """Run one worker until Ctrl-C or SIGTERM. Several workers share the work."""
    # Until the worker installs its own handler, it has done nothing and can stop at once.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    # Importing Faust takes half a second, which would delay all other commands.
    import uvloop  # noqa: PLC0415

    from order_import.worker import run_worker  # noqa: PLC0415

    settings = read_settings()
    with logging_to_stderr(settings):
        warn_of_exposed_files(settings)
        raise typer.Exit(uvloop.run(run_worker(settings)))
