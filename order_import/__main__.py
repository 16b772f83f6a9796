"""`order-import`, or `python -m order_import`: the command line, with the tools that are here."""

from importlib.util import find_spec

from order_import.cli.app import app, main

if find_spec("order_import.devtools"):  # the image has none
    from order_import.devtools.commands import contract, up

    app.command()(up)
    app.command()(contract)

__all__ = ["main"]

if __name__ == "__main__":
    main()
