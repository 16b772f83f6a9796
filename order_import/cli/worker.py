"""`worker`: one worker process."""

import typer
import uvloop

from order_import.cli.surroundings import read_settings
from order_import.logs import configure_logging
from order_import.worker import run_worker


def worker() -> None:
    """Run one worker until Ctrl-C or SIGTERM. Start as many as you like; the work is shared."""
    settings = read_settings()
    configure_logging(settings)
    raise typer.Exit(uvloop.run(run_worker(settings)))
