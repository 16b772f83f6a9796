"""`contract`: what others may rely on, for their tools to read."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from order_import.cli.errors import CommandRefused
from order_import.contract.files import ASYNCAPI, contract_files
from order_import.output import print_json, stdout


def contract(
    output: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write the document and all JSON Schemas there."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="With --output, print the files' names as JSON.")
    ] = False,
) -> None:
    """Print the AsyncAPI document of every topic, or write it with its JSON Schemas.

    It needs no server, and says nothing of this installation.
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
