"""`init`: create topics and indexes."""

from order_import.cli.context import read_settings, run
from order_import.cli.options import AsJson
from order_import.cli.output import cell, print_json, stdout
from order_import.operations.install import install


def init(as_json: AsJson = False) -> None:
    """Create the missing topics, indexes and buyer data's key file. Harmless to repeat."""
    installed = run(install(read_settings()))
    if as_json:
        print_json(
            {
                "topics": installed.topics,
                "indexes": installed.indexes,
                "key_file": None if installed.key_file is None else str(installed.key_file),
            }
        )
        return
    console = stdout()
    for kind, names in (("topic", installed.topics), ("index", installed.indexes)):
        for name in names:
            console.print(f"created {kind} {name}")
    if installed.key_file is not None:
        console.print(cell(f"created key file {installed.key_file}: keep a copy in a safe place"))
    if not installed.topics and not installed.indexes:
        console.print("All topics and indexes exist; nothing to do.")
