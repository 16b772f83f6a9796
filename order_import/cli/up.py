"""`up`: everything on one machine."""

from pathlib import Path
from typing import Annotated

import typer

from order_import.cli.surroundings import run
from order_import.embedded import MongoEngine
from order_import.nearby import DATA_DIR_VARIABLE, default_data_dir
from order_import.output import stdout
from order_import.settings import load_settings
from order_import.up import UpOptions, run_up


def up(
    demo: Annotated[
        bool, typer.Option("--demo", help="Feed two stores with a day of sample orders.")
    ] = False,
    data_dir: Annotated[
        Path | None,
        typer.Option(
            metavar="D",
            file_okay=False,
            help=f"Where the data is kept; .data/up unless {DATA_DIR_VARIABLE} names another.",
        ),
    ] = None,
    exit_when_done: Annotated[
        bool, typer.Option("--exit-when-done", help="With --demo: stop when all is decided.")
    ] = False,
    mongo_engine: Annotated[
        MongoEngine, typer.Option(help="Which embedded MongoDB server.", hidden=True)
    ] = "auto",
) -> None:
    """Run everything on this machine: Kafka, MongoDB, topics, indexes, a worker and the console.

    A Kafka or MongoDB that the settings name is used instead of an embedded one. Ctrl-C stops all
    of it; the data is there at the next start.
    """
    if exit_when_done and not demo:
        raise typer.BadParameter("only with --demo", param_hint="--exit-when-done")
    options = UpOptions(data_dir or default_data_dir(), demo, exit_when_done, mongo_engine)
    run(run_up(load_settings(), options, stdout()))
