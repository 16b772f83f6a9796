"""`up` and `contract`: run everything on one machine, and generate the contract."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from order_import.cli.app import app
from order_import.cli.context import DATA_DIR_VARIABLE, CommandRefused, default_data_dir, run
from order_import.cli.output import print_json, stdout
from order_import.devtools.contract.document import ASYNCAPI, contract_files
from order_import.devtools.embedded import EmbeddedServerError
from order_import.devtools.up import run_up
from order_import.settings import load_settings


@app.command()
def up(
    demo: Annotated[
        bool, typer.Option("--demo", help="Feed two stores with a day of sample orders.")
    ] = False,
    data_dir: Annotated[
        Path | None,
        typer.Option(
            metavar="D",
            file_okay=False,
            help=f"The data directory; by default {DATA_DIR_VARIABLE}, or .data/up.",
        ),
    ] = None,
    exit_when_done: Annotated[
        bool,
        typer.Option("--exit-when-done", help="With --demo, stop once every order is decided."),
    ] = False,
) -> None:
    """Run everything on this machine: Kafka, MongoDB, topics, indexes, a worker and the console.

    If the settings name a Kafka or MongoDB, it is used instead of an embedded one. Ctrl-C stops
    everything; the data is kept for the next start.
    """
    if exit_when_done and not demo:
        raise typer.BadParameter("only with --demo", param_hint="--exit-when-done")
    directory = (data_dir or default_data_dir()).absolute()
    try:
        run(run_up(load_settings(), directory, stdout(), demo=demo, exit_when_done=exit_when_done))
    except EmbeddedServerError as error:
        raise CommandRefused(str(error)) from error


@app.command()
def contract(
    output: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write the document and all JSON Schemas there."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="With --output, print the file names as JSON.")
    ] = False,
) -> None:
    """Print the AsyncAPI document of all topics, or write it with its JSON Schemas.

    It needs no server, and is the same for every installation.
    """
    files = contract_files()
    if output is None:
        sys.stdout.write(files[ASYNCAPI])
        return
    try:
        for name, text in files.items():
            path = output / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandRefused(f"cannot write {output}: {error.strerror}") from error
    if as_json:
        print_json({"directory": str(output), "files": list(files)})
    else:
        stdout().print(f"wrote {len(files)} files to {output}")
