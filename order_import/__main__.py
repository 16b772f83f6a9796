"""`order-import`, or `python -m order_import`: the command line, with the dev tools if present."""

from importlib import import_module
from importlib.util import find_spec

from order_import.cli.app import main

if find_spec("order_import.devtools"):  # not in the image
    import_module("order_import.devtools.commands")

__all__ = ["main"]

if __name__ == "__main__":
    main()
