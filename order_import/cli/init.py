"""`init`: topics and indexes."""

from typing import Annotated

import typer

from order_import.cli.context import read_settings, run
from order_import.cli.output import print_json, stdout
from order_import.operations.install import install


def init(
    as_json: Annotated[bool, typer.Option("--json", help="Print what was made as JSON.")] = False,
) -> None:
    """Create topics and indexes. Harmless to repeat."""
    made = run(install(read_settings()))
    if as_json:
        print_json({"topics": made.topics, "indexes": made.indexes})
        return
    console = stdout()
    for kind, names in (("topic", made.topics), ("index", made.indexes)):
        for name in names:
            console.print(f"created {kind} {name}")
    if not made.topics and not made.indexes:
        console.print("All topics and indexes are there; nothing to do.")
